def grid_scan(right, down):
    """Two states on a grid, r[:, i, j] = a ∘ r[:, i, j − 1] + b ∘ u[:, i, j − 1] + s and
    u[:, i, j] = c ∘ u[:, i − 1, j] + d ∘ r[:, i − 1, j] + z, each of a triple (own gate, gate of the other or
    None, source) of tensors batch × rows × columns × …, that belong to the cell that is entered. Row after row,
    each by a scan.
    """
    if right[1] is not None and (down[1] is None or right[2].shape[1] > right[2].shape[2]):
        turned = [[x if x is None else x.transpose(1, 2) for x in edges] for edges in (down, right)]
        u, r = scan_by_rows(*turned)
        return r.transpose(1, 2), u.transpose(1, 2)
    return scan_by_rows(right, down)


def scan_by_rows(right, down):
    (a, b, s), (c, d, z) = right, down
    if b is None:
        r = linear_scan(a.expand_as(s).flatten(0, 1), s.flatten(0, 1)).view_as(s)
        z = z if d is None else torch.addcmul(z, d, shifted(r, 1))
        return r, linear_scan(c.expand_as(z), z)
    rows, columns = [torch.zeros_like(z[:, 0])], [torch.zeros_like(z[:, 0])]
    for i in range(s.shape[1]):
        entered = torch.addcmul(z[:, i], c[:, i], columns[-1])
        entered = entered if d is None else torch.addcmul(entered, d[:, i], rows[-1])
        fed = torch.addcmul(s[:, i], b[:, i], shifted(entered, 1))
        rows.append(linear_scan(a[:, i].expand_as(fed), fed))
        columns.append(entered)
    return torch.stack(rows[1:], 1), torch.stack(columns[1:], 1)


def shifted(x, dim):
    """One on along `dim`, zero at the start."""
    return F.pad(x, (0, 0) * (x.dim() - dim - 1) + (1, 0)).narrow(dim, 0, x.shape[dim])
