"""Networks for digits and for tables of numbers."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

INPUTS = 12


class Digits(nn.Module):
    """The tutorial's network for images."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(nn.Linear(INPUTS, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: Any) -> Any:
        return self.linear_relu_stack(self.flatten(x))


class Viewed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.drop = nn.Linear(INPUTS, 32), nn.Linear(32, 10), nn.Dropout(0.2)

    def forward(self, x: Any) -> Any:
        x = x.view(-1, INPUTS)
        x = self.drop(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


class Reshaped(Viewed):
    def forward(self, x: Any) -> Any:
        x = x.reshape(x.size(0), -1).float() / 255.0
        x = F.dropout(F.relu(self.fc1(x)), p=0.5, training=self.training)
        return torch.softmax(self.fc2(x), dim=1)


class Unpacked(Viewed):
    def forward(self, x: Any) -> Any:
        rows, _ = x.shape
        x = torch.flatten(x.contiguous().view(rows, -1), start_dim=1)
        return self.fc2(F.hardswish(self.fc1(x)))


class Regressor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bn, self.fc1, self.fc2 = nn.BatchNorm1d(INPUTS), nn.Linear(INPUTS, 32), nn.Linear(32, 1)

    def forward(self, x: Any) -> Any:
        return self.fc2(F.mish(self.fc1(self.bn(x))))


class Standardised(Regressor):
    """Targets go back to their own scale."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("x_mean", 10 + torch.randn(INPUTS))
        self.register_buffer("x_std", torch.rand(INPUTS) + 0.5)
        self.y_mean, self.y_std = 152.0, 77.0

    def forward(self, x: Any) -> Any:
        x = (x - self.x_mean) / self.x_std
        return torch.relu(self.fc1(x)) @ self.fc2.weight.t() * self.y_std + self.y_mean


class MinMax(Regressor):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", -torch.rand(INPUTS) - 1)
        self.register_buffer("high", torch.rand(INPUTS) + 1)

    def forward(self, x: Any) -> Any:
        x = torch.clamp(x, self.low, self.high)
        x = 2 * (x - self.low) / (self.high - self.low) - 1
        return self.fc2(F.celu(self.fc1(x), alpha=0.5)).squeeze(-1)


class Probability(Regressor):
    def forward(self, x: Any) -> Any:
        return torch.sigmoid(self.fc2(F.softsign(self.fc1(x)))).view(-1)


class Bounded(Regressor):
    """Between two limits."""

    def forward(self, x: Any) -> Any:
        return 1 + 4 * F.sigmoid(self.fc2(F.elu_(self.fc1(x))).squeeze(dim=-1))


class Functional(nn.Module):
    """All weights are parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(20, INPUTS) / 3), nn.Parameter(torch.randn(20))
        self.w2, self.b2 = nn.Parameter(torch.randn(20, 3) / 4), nn.Parameter(torch.randn(3))
        self.g, self.slope = nn.Parameter(torch.rand(20)), nn.Parameter(torch.tensor([0.2]))

    def forward(self, x: Any) -> Any:
        x = F.prelu(F.linear(x, self.w1, self.b1), self.slope)
        x = F.layer_norm(x, (20,), self.g, eps=1e-4)
        return torch.addmm(self.b2, x, self.w2)


class Masked(nn.Module):
    """Pruned weights, and a spectral bound on them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(INPUTS, 6)
        self.register_buffer("mask", (torch.rand(6, INPUTS) > 0.5).float())

    def forward(self, x: Any) -> Any:
        weight = self.linear.weight * self.mask
        return F.hardtanh(F.linear(x, weight / weight.norm(), self.linear.bias), -0.5, 0.5)


class Ensembled(nn.Module):
    """The activation is chosen by its name, and ones are made in forward()."""

    def __init__(self, act: str = "hardsigmoid") -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"in": nn.Linear(INPUTS, 9), "out": nn.Linear(9, 2)})
        self.act = getattr(F, act)

    def forward(self, x: Any) -> Any:
        x = nn.LeakyReLU(0.3)(self.layers["in"](x))
        return nn.Softmax(dim=-1)(self.layers["out"](self.act(x)))


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(INPUTS, 6), nn.ReLU(), nn.Linear(6, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 6), nn.ReLU(True), nn.Linear(6, INPUTS), nn.Sigmoid())

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x))


class Wrapped(nn.Module):
    """A network as many keep it, two modules down; and an argument with a default."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Autoencoder()

    def forward(self, x: Any, mask: Any = None, *, temperature: float = 2.0) -> Any:
        y = self.model(x.to(torch.float32)) / temperature
        return y if mask is None else y * mask


class SnapshotOfAverage(Wrapped):
    """Normed by constants that are NumPy's and Python's."""

    def forward(self, x: Any, mask: Any = None, *, temperature: float = 2.0) -> Any:
        x = torch.maximum(x.detach().clone(), torch.tensor(-2.0))
        x = x.clamp_max(3).neg().add(0.5).mul(2).div(1.5).sub(1)
        return 1 - super().forward(torch.minimum(x, torch.full((INPUTS,), 2.5)))


class RowSoftplus(Viewed):
    def forward(self, x: Any) -> Any:
        return F.softplus(F.gelu(self.fc1(x), approximate="tanh"), beta=2, threshold=10).relu_()


class OldRMS(Viewed):
    def forward(self, x: Any) -> Any:
        h = F.rms_norm(F.relu6(self.fc1(x)), [32])
        return F.leaky_relu(self.fc2(F.batch_norm(h, torch.zeros(32), torch.ones(32))), 0.1)


class Branch(Viewed):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.relu(self.fc1(x))) if x.abs().max() < 9 else x


class ShapeBranch(Viewed):
    def forward(self, x: Any) -> Any:
        if x.dim() == 1:
            x = x.unsqueeze(0)
        return self.fc2(F.relu(self.fc1(x)))


class AlwaysDropping(Viewed):
    def forward(self, x: Any) -> Any:
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.5))


class Embedded(nn.Module):
    """Categories and numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.fc = nn.Embedding(5, 3), nn.Linear(INPUTS + 2, 2)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.cat([self.embedding(x[:, 0].long()), x[:, 1:]], dim=1))


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 2, 3), nn.Linear(2 * (INPUTS - 2), 2)

    def forward(self, x: Any) -> Any:
        return self.fc(F.relu(self.conv(x.unsqueeze(1))).flatten(1))


class InPlace(Viewed):
    """What it keeps for later is changed meanwhile."""

    def forward(self, x: Any) -> Any:
        h = self.fc1(x)
        return self.fc2(h.relu_() + h)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(INPUTS, 8), nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return self.out(self.cell(x))


REFUSED = {
    Branch: "forward() branches on data or on a shape, in",
    ShapeBranch: "forward() branches on data or on a shape, in",
    AlwaysDropping: "give it training=self.training",
    Embedded: "layer embedding: Embedding is not supported",
    Convolutional: "layer conv: Conv1d is not supported",
    InPlace: "changes a value in place and uses it again",
    Recurrent: "layer cell: GRUCell is not supported",
}
MODULES = [
    Digits,
    Viewed,
    Reshaped,
    Unpacked,
    Regressor,
    Standardised,
    MinMax,
    Probability,
    Bounded,
    Functional,
    Masked,
    Ensembled,
    Autoencoder,
    Wrapped,
    SnapshotOfAverage,
    RowSoftplus,
    OldRMS,
    *REFUSED,
]
