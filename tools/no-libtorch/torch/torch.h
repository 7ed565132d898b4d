// Found only where libtorch is not: .cargo/config.toml puts this folder behind libtorch's own headers, so that a
// build without libtorch ends in the remedy.
#error "libtorch is not there: run `make libtorch`"
#include "make libtorch" // a missing file stops the compiler here, before a thousand errors more
