"""Residual blocks and gates."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

INPUTS = 16


class PreNorm(nn.Module):
    """The feed-forward half of a transformer's layer."""

    def __init__(self, width: int = INPUTS) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Any) -> Any:
        return x + self.dropout(self.fc2(F.gelu(self.fc1(self.norm(x)))))


class PostNorm(PreNorm):
    def forward(self, x: Any) -> Any:
        return self.norm(x + self.fc2(F.relu(self.fc1(x))))


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(INPUTS, 24), nn.Linear(24, 3)
        self.blocks = nn.ModuleList(PreNorm(24) for _ in range(6))

    def forward(self, x: Any) -> Any:
        x = self.inner(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i % 2:
                x = torch.relu(x)
        return self.head(x)


class Nested(nn.Module):
    """A skip around blocks that have their own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = PreNorm(), PostNorm()

    def forward(self, x: Any) -> Any:
        skip = x
        x = self.b(self.a(x))
        return (x + skip) / math.sqrt(2)


class SkipFirst(nn.Module):
    """ResNet's order: the identity is added last, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(INPUTS, INPUTS, bias=False), nn.BatchNorm1d(INPUTS)
        self.fc2, self.bn2 = nn.Linear(INPUTS, INPUTS, bias=False), nn.BatchNorm1d(INPUTS)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        identity = x
        out = self.relu(self.bn1(self.fc1(x)))
        out = self.bn2(self.fc2(out))
        out += identity
        return self.relu(out)


class LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.LayerNorm(INPUTS), nn.Linear(INPUTS, INPUTS), nn.GELU())
        self.gamma = nn.Parameter(torch.full((INPUTS,), 0.1))

    def forward(self, x: Any) -> Any:
        return x + self.gamma * self.block(x)


class ReZero(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(INPUTS, INPUTS) for _ in range(3))
        self.alpha = nn.Parameter(torch.tensor([0.5, 0.25, 0.125]))

    def forward(self, x: Any) -> Any:
        for i, layer in enumerate(self.layers):
            x = x + self.alpha[i] * torch.tanh(layer(x))
        return x


class Difference(nn.Module):
    """What a correction takes away."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = nn.Sequential(nn.Linear(INPUTS, 8), nn.ReLU(), nn.Linear(8, INPUTS))

    def forward(self, x: Any) -> Any:
        return x - self.noise(x)


class Correction(Difference):
    def forward(self, x: Any) -> Any:
        return torch.sub(x, self.noise(x), alpha=2) - x


class Swish(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(x)


class HandWrittenMish(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * torch.tanh(F.softplus(x))


class SelfGated(nn.Module):
    """Activations of one's own between PyTorch's layers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(INPUTS, 20), Swish(), nn.Linear(20, 20), HandWrittenMish(), nn.Linear(20, 2))

    def forward(self, x: Any) -> Any:
        return self.net(x)


class QuickGELU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(INPUTS, 32), nn.Linear(32, INPUTS)

    def forward(self, x: Any) -> Any:
        h = self.c_fc(x)
        return x + self.c_proj(h * torch.sigmoid(1.702 * h))


class HandWrittenHardswish(QuickGELU):
    def forward(self, x: Any) -> Any:
        x = x * (F.relu6(x + 3.0) / 6.0)
        h = self.c_fc(x)
        return self.c_proj(h * F.relu6(h + 3) / 6)


class NormFree(nn.Module):
    """Each block scales its input down and its branch by a number that grows."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.SELU(), nn.Linear(INPUTS, INPUTS)) for _ in range(4))

    def forward(self, x: Any) -> Any:
        for depth, block in enumerate(self.blocks):
            x = x + 0.2 * block(x / (1 + 0.04 * depth) ** 0.5)
        return x


class Llama(nn.Module):
    """A norm without a mean, and weights of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(INPUTS, eps=1e-6)
        self.up = nn.Parameter(torch.randn(INPUTS, 32) / 4)
        self.down = nn.Parameter(torch.randn(32, INPUTS) / 6)

    def forward(self, x: Any) -> Any:
        return x + F.silu(self.norm(x) @ self.up) @ self.down


class WideAndShared(nn.Module):
    """One layer three times."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(INPUTS, INPUTS)

    def forward(self, x: Any) -> Any:
        for _ in range(3):
            x = F.selu(self.shared(x)) + x
        return x


class GLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(INPUTS, 8), nn.Linear(INPUTS, 8)

    def forward(self, x: Any) -> Any:
        return self.value(x) * torch.sigmoid(self.gate(x))


class SplitGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(INPUTS, 16)

    def forward(self, x: Any) -> Any:
        a, b = self.proj(x).chunk(2, dim=-1)
        return a * F.gelu(b)


class Highway(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.h, self.t = nn.Linear(INPUTS, INPUTS), nn.Linear(INPUTS, INPUTS)

    def forward(self, x: Any) -> Any:
        t = torch.sigmoid(self.t(x))
        return t * F.relu(self.h(x)) + (1 - t) * x


class Projected(nn.Module):
    """A skip with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.shortcut = nn.Sequential(nn.Linear(INPUTS, 8), nn.ReLU()), nn.Linear(INPUTS, 8)

    def forward(self, x: Any) -> Any:
        return self.block(x) + self.shortcut(x)


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(INPUTS, 4), nn.Linear(INPUTS + 4, 4)

    def forward(self, x: Any) -> Any:
        return self.b(torch.cat([x, torch.relu(self.a(x))], dim=-1))


REFUSED = {
    GLU: "a product of two values that depend on the input",
    SplitGate: "chunk",
    Highway: "a product of two values that depend on the input",
    Projected: "neither of the two values that it adds is made from the other",
    Dense: "cat() is not supported",
}
MODULES = [
    PreNorm,
    PostNorm,
    Stack,
    Nested,
    SkipFirst,
    LayerScale,
    ReZero,
    Difference,
    Correction,
    SelfGated,
    QuickGELU,
    HandWrittenHardswish,
    NormFree,
    Llama,
    WideAndShared,
    *REFUSED,
]
