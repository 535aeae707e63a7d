"""Actors and critics of reinforcement learning, each after the manner of a library that many people use."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

INPUTS = 11


class TD3Actor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(INPUTS, 32), nn.Linear(32, 32), nn.Linear(32, 3)
        self.max_action = 2.0

    def forward(self, state: Any) -> Any:
        a = F.relu(self.l1(state))
        a = F.relu(self.l2(a))
        return self.max_action * torch.tanh(self.l3(a))


class ScaledActor(nn.Module):
    """Scale and bias of each action are buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc_mu = nn.Linear(INPUTS, 32), nn.Linear(32, 32), nn.Linear(32, 3)
        self.register_buffer("action_scale", torch.tensor([0.5, 2.0, 1.0]))
        self.register_buffer("action_bias", torch.tensor([0.5, 0.0, -1.0]))

    def forward(self, x: Any) -> Any:
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = torch.tanh(self.fc_mu(x))
        return x * self.action_scale + self.action_bias


class NormalisedActor(nn.Module):
    """Observations are normalised and clipped inside of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.randn(INPUTS))
        self.register_buffer("var", torch.rand(INPUTS) + 0.1)
        self.net = nn.Sequential(nn.Linear(INPUTS, 32), nn.ELU(), nn.Linear(32, 4))

    def forward(self, obs: Any) -> Any:
        obs = (obs - self.mean) / torch.sqrt(self.var + 1e-5)
        return self.net(obs.clamp(-5.0, 5.0))


class LocomotionActor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(INPUTS, 64), nn.ELU(), nn.Linear(64, 32), nn.ELU(), nn.Linear(32, 12))
        self.std = nn.Parameter(torch.ones(12))

    def forward(self, observations: Any) -> Any:
        return self.actor(observations)


class MeanOfGaussian(nn.Module):
    """The deviation is computed, and not returned."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(INPUTS, 32), nn.ReLU())
        self.mean, self.log_std = nn.Linear(32, 3), nn.Linear(32, 3)

    def forward(self, x: Any, deterministic: bool = True) -> Any:
        h = self.trunk(x)
        mean, log_std = self.mean(h), self.log_std(h)
        _ = log_std.clamp(-20, 2).exp()
        return torch.tanh(mean) if deterministic else mean


class DuelingWithoutMean(nn.Module):
    """Only the advantage stream."""

    def __init__(self) -> None:
        super().__init__()
        self.feature, self.advantage = nn.Linear(INPUTS, 32), nn.Linear(32, 4)

    def forward(self, x: Any) -> Any:
        return self.advantage(F.leaky_relu(self.feature(x), negative_slope=0.02))


class QNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(INPUTS, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 4))

    def forward(self, x: Any) -> Any:
        return self.network(x)


class ValueNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.value = nn.Linear(INPUTS, 32), nn.Linear(32, 1)

    def forward(self, obs: Any) -> Any:
        return torch.squeeze(self.value(torch.tanh(self.hidden(obs))), -1)


class CriticOfPairs(nn.Module):
    """Takes state and action as one row."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(INPUTS, 32), nn.Linear(32, 32), nn.Linear(32, 1)])
        self.norms = nn.ModuleList([nn.LayerNorm(32), nn.LayerNorm(32)])

    def forward(self, x: Any) -> Any:
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = norm(F.silu(layer(x)))
        return self.layers[-1](x).squeeze(-1)


class Policy(nn.Module):
    """Sizes and activation come from a configuration."""

    def __init__(self, hidden: tuple[int, ...] = (24, 24), activation: str = "tanh") -> None:
        super().__init__()
        sizes = (INPUTS, *hidden)
        self.affine_layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, hidden, strict=False))
        self.activation = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}[activation]
        self.action_head = nn.Linear(hidden[-1], 5)

    def forward(self, x: Any) -> Any:
        for affine in self.affine_layers:
            x = self.activation(affine(x))
        return F.softmax(self.action_head(x), dim=-1)


class CriticOfTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l1, self.l2 = nn.Linear(INPUTS + 3, 32), nn.Linear(32, 1)

    def forward(self, state: Any, action: Any) -> Any:
        return self.l2(F.relu(self.l1(torch.cat([state, action], 1))))


class ActorCritic(nn.Module):
    """Two answers."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.pi, self.v = nn.Linear(INPUTS, 32), nn.Linear(32, 4), nn.Linear(32, 1)

    def forward(self, x: Any) -> Any:
        h = torch.tanh(self.trunk(x))
        return self.pi(h), self.v(h)


class Agent(nn.Module):
    """No forward() at all."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(INPUTS, 32), nn.Tanh(), nn.Linear(32, 1))
        self.actor_mean = nn.Sequential(nn.Linear(INPUTS, 32), nn.Tanh(), nn.Linear(32, 3))

    def get_value(self, x: Any) -> Any:
        return self.critic(x)


class Sampling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mu = nn.Linear(INPUTS, 3)

    def forward(self, x: Any) -> Any:
        mu = self.mu(x)
        return mu + 0.1 * torch.randn_like(mu)


class Dueling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.v, self.a = nn.Linear(INPUTS, 32), nn.Linear(32, 1), nn.Linear(32, 4)

    def forward(self, x: Any) -> Any:
        h = F.relu(self.trunk(x))
        a = self.a(h)
        return self.v(h) + a - a.mean(dim=1, keepdim=True)


class Discretised(nn.Module):
    """The best action itself."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(INPUTS, 4)

    def forward(self, x: Any) -> Any:
        return self.q(x).argmax(dim=-1)


# What each refusal must say; the others convert.
REFUSED = {
    CriticOfTwo: "takes 2 inputs",
    ActorCritic: "forward() returns 2 values",
    Agent: "give fp.from_torch(module.critic)",
    Sampling: "randn_like() is not supported",
    Dueling: "neither of the two values that it adds",
    Discretised: "argmax() is not supported",
}
MODULES = [
    TD3Actor,
    ScaledActor,
    NormalisedActor,
    LocomotionActor,
    MeanOfGaussian,
    DuelingWithoutMean,
    QNetwork,
    ValueNetwork,
    CriticOfPairs,
    Policy,
    *REFUSED,
]
