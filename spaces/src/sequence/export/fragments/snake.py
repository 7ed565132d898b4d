class SnakeBranch(Branch):
    """A mixer that runs along snakes through the tokens of a grid, of which each stands beside the one before it; what it
    makes of all snakes is added. With `columns`, a learned vector tells each token from where the snake came.
    """

    def __init__(self, norm, mixer, *, snakes, columns=None, **options):
        super().__init__(norm, mixer, **options)
        self.snakes, self.columns = snakes, columns or 1
        if columns is not None:
            width = norm.gain.shape[0]
            self.directions = nn.ParameterDict({"table": nn.Parameter(torch.empty(5, width))})

    def forward(self, x, mask, run):
        x = self.norm(x)
        return self.dropout(sum(self.scan(number, x, mask, run) for number in range(self.snakes)))

    def scan(self, number, x, mask, run):
        tokens, arrivals = self.snake(number, x, mask)
        x = x.gather(1, tokens[..., None].expand_as(x))
        if hasattr(self, "directions"):
            x = x + self.directions["table"][arrivals]
        y = self.mix("mixer", x, mask, run)
        return y.gather(1, tokens.argsort(1)[..., None].expand_as(y))

    def snake(self, number, x, mask):
        """Which token stands at every place of every case, and where the snake moved to reach it: nowhere, right,
        left, down, up. Snake 0 goes through the rows, 2 through the columns, 1 and 3 are these in reverse.
        """
        place = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        real = place.new_full((len(x), 1), x.shape[1]) if mask is None else mask.sum(1, keepdim=True)
        extent = self.columns if number < 2 else real // self.columns
        line, along = place // extent, place % extent
        turned = torch.where(line % 2 == 1, extent - 1 - along, along)
        tokens = line * self.columns + turned if number < 2 else turned * self.columns + line
        tokens = torch.where(place < real, tokens, place)
        ahead, back, onwards = (1, 2, 3) if number < 2 else (3, 4, 1)
        arrivals = torch.where(line % 2 == 1, back, ahead)
        arrivals = arrivals.masked_fill(along == 0, onwards).masked_fill(place == 0, 0)
        if number % 2:
            tokens = tokens.gather(1, torch.where(place < real, real - 1 - place, place))
            arrivals = arrivals.gather(1, (real - place).clamp(0, x.shape[1] - 1))
            arrivals = torch.tensor([0, 2, 1, 4, 3], device=x.device)[arrivals].masked_fill(place == 0, 0)
        return tokens, arrivals
