def load(folder, dtype=torch.float32):
    """The model with the weights of `folder`/model.safetensors, every one of them and no other."""
    model = Model().to(dtype)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
    return model.eval()


@torch.inference_mode()
def answers(model, series):
    """The positions that answer each of a list of series of any lengths, each a list of steps of channels."""
    dtype = model.input.mean.dtype
    lengths = torch.tensor([len(steps) for steps in series])
    padded = nn.utils.rnn.pad_sequence(
        [torch.tensor(steps, dtype=dtype) for steps in series], batch_first=True
    )
    _, positions = model(padded, lengths)
    end = padded.shape[1]
    told = [row[: row.index(end)] if end in row else row for row in positions.tolist()]
    return [row[:length] for row, length in zip(told, lengths.tolist())]


if __name__ == "__main__":
    if sys.stdin.isatty():
        sys.exit("usage: python model.py < series.json    (series × steps × channels; prints positions of each)")
    print(json.dumps(answers(load(Path(__file__).parent), json.load(sys.stdin))))
