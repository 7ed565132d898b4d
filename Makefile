# Everything goes through cargo; these targets first make sure of libtorch, which cargo does not fetch.

.PHONY: help libtorch build demo test install export-env bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-11s %s\n' "$$target" "$$text"; done

libtorch: ## fetch libtorch, once per user (540 MB download, 500 MB on disk)
	@tools/get-libtorch

build: libtorch ## build the release binaries fecund and fecund-worker
	cargo build --release

demo: build ## search for a speaker classifier for four minutes, and export the best
	tools/demo

test: libtorch ## run all tests; FECUND_PYTHON names a Python with PyTorch for those of the export
	FECUND_ALL_TESTS=1 cargo test --workspace --locked

install: libtorch ## install fecund and fecund-worker into ~/.cargo/bin
	cargo install --path search --locked
	cargo install --path evaluator/torch --locked

export-env: ## make the PyTorch environment that tests the export, once per user (4.6 GB)
	@tools/export-env

bench: libtorch ## run the benchmarks
	cargo bench --workspace

clean: ## remove what was built; libtorch and the runs stay
	cargo clean
