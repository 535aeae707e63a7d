"""Policies of Stable-Baselines3: a converted actor does what model.predict does, or is refused."""

import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

import forwardpass as fp
from forwardpass.convert import sb3 as importer
from forwardpass.error_bound import agreement_bound

WIDTH = 4


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small take a hundred times longer where two threads of torch wait for one processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Anything(gymnasium.Env[Any, Any]):  # type: ignore[misc, unused-ignore]
    """Spaces without a world."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


def box(low: Any = -1, high: Any = 1, shape: tuple[int, ...] = (WIDTH,), dtype: Any = np.float32) -> spaces.Box:
    return spaces.Box(np.full(shape, low, dtype), np.full(shape, high, dtype), dtype=dtype)


def actions(low: Any = -2, high: Any = 0.5, shape: tuple[int, ...] = (3,)) -> spaces.Box:
    return box(low, high, shape)


def build(
    algorithm: Any, observation_space: Any, action_space: Any, normalized: bool = False, **options: Any
) -> tuple[Any, Any]:
    """A model with weights of some size, and its VecNormalize with the statistics of some observations, if any."""
    for space in (observation_space, action_space):
        space.seed(0)
    env: Any = DummyVecEnv([lambda: Anything(observation_space, action_space)])
    if normalized:
        env = VecNormalize(env)
        env.reset()
        for _ in range(30):
            env.step(np.array([action_space.sample()]))
    if algorithm in (SAC, TD3, DDPG, DQN):
        options = {"buffer_size": 10, **options}
        options["policy_kwargs"] = {"net_arch": [16, 8], **options.get("policy_kwargs", {})}
    model = algorithm(options.pop("policy", "MlpPolicy"), env, seed=0, device="cpu", **options)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return model, env if normalized else None


def check(model: Any, normalizer: Any) -> fp.Sequential:
    """The network converted, after a comparison of our own on observations of the space."""
    net: fp.Sequential = fp.from_sb3(model, normalizer)
    assert net.dtype == np.float32
    assert net.verification.rows >= 64
    assert net.verification.largest_share <= 1

    space = model.observation_space
    observations = np.array([space.sample() for _ in range(40)])
    x = observations.reshape(len(observations), -1).astype(np.float32)
    seen = observations if normalizer is None else normalizer.normalize_obs(observations)
    predicted = model.predict(seen, deterministic=True)[0].reshape(len(x), -1)
    got, bound = net(x), agreement_bound(net, x)
    if isinstance(model.action_space, spaces.Box):
        assert got.shape == predicted.shape
        assert (np.abs(got - predicted.astype(np.float64)) <= bound).all()
        # What is cut off at the bounds must not be all there is to see.
        inside = (predicted > model.action_space.low.ravel()) & (predicted < model.action_space.high.ravel())
        assert inside.any()
    elif isinstance(model.action_space, spaces.MultiBinary):
        np.testing.assert_array_equal(got > 0, predicted)
    else:
        counts = getattr(model.action_space, "nvec", [got.shape[1]])
        parts = np.split(got, np.cumsum(counts)[:-1], axis=-1)
        np.testing.assert_array_equal(np.stack([part.argmax(-1) for part in parts], axis=-1), predicted)
    return net


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "PPO": lambda: build(PPO, box(), actions()),
    "PPO normalized": lambda: build(PPO, box(-5, 90), actions(), normalized=True),
    "PPO one action": lambda: build(PPO, box(), actions(-0.1, 0.1, (1,))),
    "PPO sees no bounds": lambda: build(PPO, box(-np.inf, np.inf), actions()),
    "PPO several axes": lambda: build(PPO, box(shape=(2, 3)), actions(shape=(2, 2)), normalized=True),
    "PPO pi and vf": lambda: build(PPO, box(), actions(), policy_kwargs={"net_arch": {"pi": [9], "vf": [7, 5]}}),
    "PPO linear": lambda: build(PPO, box(), actions(), policy_kwargs={"net_arch": []}),
    "PPO two extractors": lambda: build(PPO, box(), actions(), policy_kwargs={"share_features_extractor": False}),
    "PPO gSDE": lambda: build(PPO, box(), actions(), use_sde=True),
    "PPO gSDE squashed": lambda: build(
        PPO, box(), actions(), use_sde=True, policy_kwargs={"squash_output": True, "full_std": False}
    ),
    "PPO discrete": lambda: build(PPO, box(), spaces.Discrete(5)),
    "PPO multi-discrete": lambda: build(PPO, box(), spaces.MultiDiscrete([3, 2, 4])),
    "PPO multi-binary": lambda: build(PPO, box(), spaces.MultiBinary(3)),
    "PPO sees bits": lambda: build(PPO, spaces.MultiBinary(6), spaces.Discrete(3)),
    "PPO sees bytes": lambda: build(PPO, box(0, 255, dtype=np.uint8), actions()),
    "PPO sees float64": lambda: build(PPO, box(dtype=np.float64), actions()),
    "A2C": lambda: build(A2C, box(), actions()),
    "A2C normalized": lambda: build(A2C, box(-5, 90), actions(), normalized=True),
    "A2C discrete": lambda: build(A2C, box(), spaces.Discrete(2), normalized=True),
    "SAC": lambda: build(SAC, box(), actions()),
    "SAC normalized": lambda: build(SAC, box(-5, 90), actions(), normalized=True),
    "SAC gSDE": lambda: build(SAC, box(), actions(), use_sde=True),
    "SAC gSDE, mean not cut": lambda: build(SAC, box(), actions(), use_sde=True, policy_kwargs={"clip_mean": 0.0}),
    "SAC wide bounds": lambda: build(SAC, box(), actions(-1000, 1000)),
    "SAC pi and qf": lambda: build(SAC, box(), actions(), policy_kwargs={"net_arch": {"pi": [5], "qf": [8, 8]}}),
    "SAC linear": lambda: build(SAC, box(), actions(), policy_kwargs={"net_arch": []}),
    "TD3": lambda: build(TD3, box(), actions()),
    "TD3 normalized": lambda: build(TD3, box(-5, 90), actions(shape=(2, 2)), normalized=True),
    "DDPG": lambda: build(DDPG, box(), actions()),
    "DQN": lambda: build(DQN, box(), spaces.Discrete(5)),
    "DQN normalized": lambda: build(DQN, box(-5, 90), spaces.Discrete(3), normalized=True),
}


@pytest.mark.parametrize("case", MODELS)
def test_model(case: str) -> None:
    model, normalizer = MODELS[case]()
    net = check(model, normalizer)
    if not isinstance(model.action_space, spaces.Box):  # the choices compared must not be all the same
        x = np.random.default_rng(0).standard_normal((100, net.in_features or 0))
        assert len(np.unique(net(100 * x).argmax(axis=-1))) > 1


@pytest.mark.parametrize("algorithm", [PPO, SAC, TD3, DQN])
@pytest.mark.parametrize(
    "activation", [nn.ReLU, nn.Tanh, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.SELU, nn.Softplus, nn.Hardtanh]
)
def test_activation(algorithm: Any, activation: Any) -> None:
    space = spaces.Discrete(4) if algorithm is DQN else actions()
    model, _ = build(algorithm, box(), space, policy_kwargs={"activation_fn": activation})
    kinds = [type(layer).__name__ for layer in check(model, None)]
    assert kinds[1] == kinds[3] == activation.__name__


@pytest.mark.parametrize(("algorithm", "steps"), [(PPO, 64), (A2C, 64), (SAC, 150), (TD3, 150)])
def test_pendulum_learned(algorithm: Any, steps: int) -> None:
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")]))
    options: dict[str, Any] = {"n_steps": 32} if algorithm in (PPO, A2C) else {"buffer_size": 200}
    if algorithm is PPO:
        options["batch_size"] = 32
    model = algorithm("MlpPolicy", env, seed=0, device="cpu", policy_kwargs={"net_arch": [16, 16]}, **options)
    model.learn(steps)
    assert env.obs_rms.count > steps
    check(model, env)


def test_cart_pole_learned() -> None:
    model = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), seed=0, device="cpu", buffer_size=200, learning_starts=20)
    model.learn(60)
    check(model, None)


def test_one_observation_and_any_number_of_axes() -> None:
    model, normalizer = build(PPO, box(-5, 90, (2, 3)), actions(), normalized=True)
    net = fp.from_sb3(model, normalizer)
    observation = model.observation_space.sample()
    action = model.predict(normalizer.normalize_obs(observation), deterministic=True)[0]
    assert net(observation.ravel()).shape == action.shape
    np.testing.assert_allclose(net(observation.ravel()), action, rtol=1e-5, atol=1e-5)
    assert net(np.zeros((2, 3, 6), np.float32)).shape == (2, 3, 3)


def test_normalizer_is_a_layer_of_its_own() -> None:
    model, normalizer = build(SAC, box(-5, 90), actions(), normalized=True)
    observations = np.array([model.observation_space.sample() for _ in range(20)])
    normalizer.epsilon, normalizer.clip_obs = 500.0, 1.5  # both of a size that shows
    normalized = normalizer.normalize_obs(observations)
    with_it, without = fp.from_sb3(model, normalizer), fp.from_sb3(model)
    assert len(with_it) == len(without) + 1
    np.testing.assert_allclose(with_it(observations), without(normalized), rtol=1e-5, atol=1e-5)

    normalizer.norm_obs = False  # rewards alone
    assert len(fp.from_sb3(model, normalizer)) == len(without)


def test_statistics_are_of_the_moment() -> None:
    model, normalizer = build(PPO, box(-5, 90), actions(), normalized=True)
    net, observation = fp.from_sb3(model, normalizer), model.observation_space.sample()
    former = net(observation)
    normalizer.obs_rms.update(np.zeros((100, WIDTH)))
    assert net(observation).tobytes() == former.tobytes()
    assert fp.from_sb3(model, normalizer)(observation).tobytes() != former.tobytes()


def test_comparison_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    net = fp.from_sb3(build(PPO, box(), actions())[0])
    assert capsys.readouterr().out == f"{net.verification}\n"
    assert "rows agree with Stable-Baselines3 PPO, within" in str(net.verification)


@pytest.mark.parametrize("case", ["PPO normalized", "SAC normalized"])
def test_file_of_a_policy_answers_alike(case: str, tmp_path: Path) -> None:
    model, normalizer = MODELS[case]()
    net = fp.from_sb3(model, normalizer)
    fp.save(net, tmp_path / "policy.npz")
    x = np.array([model.observation_space.sample() for _ in range(20)])
    for same in (fp.load(tmp_path / "policy.npz"), pickle.loads(pickle.dumps(net))):
        assert same(x).tobytes() == net(x).tobytes()


# ---- refusals ----


class Extractor(BaseFeaturesExtractor):  # type: ignore[misc, unused-ignore]
    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, WIDTH)

    def forward(self, observations: Any) -> Any:
        return 2 * observations


class Policy(ActorCriticPolicy):  # type: ignore[misc, unused-ignore]
    pass


class Normalizer(VecNormalize):  # type: ignore[misc, unused-ignore]
    pass


def dictionary() -> spaces.Dict:
    return spaces.Dict({"a": box(), "b": box()})


def with_normalizer(kind: Any, **options: Any) -> tuple[Any, Any]:
    model, _ = build(PPO, box(), actions())
    return model, kind(DummyVecEnv([lambda: Anything(options.get("space", box()), actions())]))


REFUSED: dict[str, tuple[Callable[[], tuple[Any, Any]], str]] = {
    "no model": (lambda: ({}, None), "expected a model of Stable-Baselines3, got dict"),
    "images": (
        lambda: build(PPO, box(0, 255, (3, 36, 36), np.uint8), actions(), policy="CnnPolicy"),
        "policy: ActorCriticCnnPolicy is not supported; expected an MlpPolicy, one of ActorCriticPolicy, SACPolicy",
    ),
    "flattened images": (
        lambda: build(PPO, box(0, 255, (3, 4, 4), np.uint8), actions()),
        "observation space: images, (3, 4, 4) of uint8, are not supported",
    ),
    "dictionaries": (
        lambda: build(PPO, dictionary(), actions(), policy="MultiInputPolicy"),
        "policy: MultiInputActorCriticPolicy is not supported",
    ),
    "dictionaries, off policy": (
        lambda: build(SAC, dictionary(), actions(), policy="MultiInputPolicy"),
        "policy: MultiInputPolicy is not supported",
    ),
    "policy of one's own": (
        lambda: build(PPO, box(), actions(), policy=Policy),
        f"policy: {__name__}.Policy is not supported",
    ),
    "extractor of one's own": (
        lambda: build(PPO, box(), actions(), policy_kwargs={"features_extractor_class": Extractor}),
        f"policy.pi_features_extractor: {__name__}.Extractor is not supported; expected FlattenExtractor",
    ),
    "extractor of one's own, off policy": (
        lambda: build(TD3, box(), actions(), policy_kwargs={"features_extractor_class": Extractor}),
        f"policy.actor.features_extractor: {__name__}.Extractor is not supported",
    ),
    "activation": (
        lambda: build(PPO, box(), actions(), policy_kwargs={"activation_fn": nn.RReLU}),
        "layer policy.mlp_extractor.policy_net.1: RReLU is not supported",
    ),
    "one-hot observations": (
        lambda: build(DQN, spaces.Discrete(4), spaces.Discrete(3)),
        "observation space: Discrete is not supported; expected Box or MultiBinary",
    ),
    "normalizer of one's own": (
        lambda: with_normalizer(Normalizer),
        f"normalizer: {__name__}.Normalizer is not supported; expected a VecNormalize or None",
    ),
    "no normalizer": (lambda: (build(PPO, box(), actions())[0], 3), "normalizer: builtins.int is not supported"),
    "normalizer of other observations": (
        lambda: with_normalizer(VecNormalize, space=box(shape=(7,))),
        "normalizer: expected statistics of observations of shape (4,), as the model's",
    ),
    "normalizer of dictionaries": (
        lambda: with_normalizer(VecNormalize, space=dictionary()),
        "normalizer: expected statistics of observations of shape (4,), as the model's",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_what_is_not_supported(case: str) -> None:
    model, normalizer = REFUSED[case][0]()
    with pytest.raises(fp.ConversionError, match=re.escape(REFUSED[case][1])):
        fp.from_sb3(model, normalizer)


def test_another_function_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = build(SAC, box(), actions())
    monkeypatch.setattr(importer, "_acting", lambda policy: [])
    with pytest.raises(fp.ConversionError, match="does not answer as its source"):
        fp.from_sb3(model)


def test_another_choice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = build(DQN, box(), spaces.Discrete(3))
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda *args, **options: ((predict(*args, **options)[0] + 1) % 3, None))
    with pytest.raises(fp.ConversionError, match="predict\\(\\) chooses other actions"):
        fp.from_sb3(model)


def test_stable_baselines_is_not_imported() -> None:
    code = "import sys, forwardpass as fp; fp.from_sb3; "
    code += "assert not {'stable_baselines3', 'gymnasium', 'torch'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
