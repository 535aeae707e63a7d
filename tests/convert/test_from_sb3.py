"""Policies of Stable-Baselines3: a converted actor does what model.predict does."""

import pickle
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
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

import forwardpass as fp
from tests.support.policies import WIDTH, actions, box, build, check


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small take a hundred times longer where two threads of torch wait for one processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Extractor(BaseFeaturesExtractor):
    """A network of one's own before the policy's."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 8)
        self.linear = nn.Linear(WIDTH, 8)

    def forward(self, observations: Any) -> Any:
        return torch.tanh(self.linear(observations))


def learned(model: Any, normalizer: Any) -> tuple[Any, Any]:
    """With running statistics that differ from those at the start."""
    return model.learn(20), normalizer


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
    "TQC": lambda: build(TQC, box(), actions()),
    "TQC normalized": lambda: build(TQC, box(-5, 90), actions(), normalized=True),
    "QRDQN": lambda: build(QRDQN, box(), spaces.Discrete(5)),
    "QRDQN quantiles": lambda: build(QRDQN, box(), spaces.Discrete(3), policy_kwargs={"n_quantiles": 7}),
    "ARS": lambda: build(ARS, box(), actions()),
    "ARS discrete": lambda: build(ARS, box(), spaces.Discrete(4)),
    "ARS linear": lambda: build(ARS, box(), actions(), policy="LinearPolicy"),
    "ARS not squashed": lambda: build(ARS, box(), actions(), policy_kwargs={"squash_output": False}),
    "TRPO": lambda: build(TRPO, box(), actions()),
    "TRPO normalized": lambda: build(TRPO, box(-5, 90), spaces.Discrete(3), normalized=True),
    "MaskablePPO": lambda: build(MaskablePPO, box(), spaces.Discrete(6)),
    "CrossQ": lambda: build(CrossQ, box(), actions()),
    "CrossQ learned": lambda: learned(*build(CrossQ, box(-5, 90), actions(), learning_starts=5)),
    "CrossQ without norms": lambda: build(CrossQ, box(), actions(), policy_kwargs={"batch_norm": False}),
    "PPO sees a category": lambda: build(PPO, spaces.Discrete(7), spaces.Discrete(3)),
    "PPO sees categories": lambda: build(PPO, spaces.MultiDiscrete([3, 2, 4]), actions()),
    "DQN sees a category": lambda: build(DQN, spaces.Discrete(16), spaces.Discrete(4)),
    "QRDQN sees categories": lambda: build(QRDQN, spaces.MultiDiscrete([5, 4]), spaces.Discrete(4)),
    "SAC sees a category": lambda: build(SAC, spaces.Discrete(7), actions()),
    "extractor of one's own": lambda: build(
        PPO, box(), actions(), policy_kwargs={"features_extractor_class": Extractor}
    ),
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


def test_another_function_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = build(SAC, box(), actions())
    monkeypatch.setattr("forwardpass.convert.sb3.acting", lambda *_: [])
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
