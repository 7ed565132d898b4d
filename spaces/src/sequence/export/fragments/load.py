def load(folder, dtype=torch.float32):
    """The model with the weights of `folder`/model.safetensors, every one of them and no other."""
    model = Model().to(dtype)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
    return model.eval()


@torch.inference_mode()
def logits(model, series):
    """Logits of a list of series of any lengths, each a list of steps of channels."""
    dtype = model.input.mean.dtype
    lengths = torch.tensor([len(steps) for steps in series])
    padded = nn.utils.rnn.pad_sequence(
        [torch.tensor(steps, dtype=dtype) for steps in series], batch_first=True
    )
    return model(padded, lengths)


if __name__ == "__main__":
    if sys.stdin.isatty():
        sys.exit(
            "usage: python model.py < series.json    (series × steps × channels; prints series × classes)"
        )
    print(json.dumps(logits(load(Path(__file__).parent), json.load(sys.stdin)).tolist()))
