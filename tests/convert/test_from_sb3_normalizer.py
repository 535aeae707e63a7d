"""The normaliser of a policy: the model's own unless another is given, or none."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import forwardpass as fp
from tests.support.policies import WIDTH, Anything, actions, box, build


def test_normalizer_is_a_layer_of_its_own() -> None:
    model, normalizer = build(SAC, box(-5, 90), actions(), normalized=True)
    observations = np.array([model.observation_space.sample() for _ in range(20)])
    normalizer.epsilon, normalizer.clip_obs = 500.0, 1.5  # both of a size that shows
    normalized = normalizer.normalize_obs(observations)
    with_it, without = fp.from_sb3(model, normalizer), fp.from_sb3(model, False)
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


def test_the_models_own_is_used() -> None:
    model, normalizer = build(PPO, box(-5, 90), actions(), normalized=True)
    x = np.array([model.observation_space.sample() for _ in range(20)])
    assert fp.from_sb3(model)(x).tobytes() == fp.from_sb3(model, normalizer)(x).tobytes()
    assert isinstance(fp.from_sb3(model)[0], fp.Normalize)
    assert not isinstance(fp.from_sb3(model, False)[0], fp.Normalize)
    model.set_env(DummyVecEnv([lambda: Anything(model.observation_space, model.action_space)]))
    assert not isinstance(fp.from_sb3(model)[0], fp.Normalize)


def test_another_one_is_used_in_its_place() -> None:
    model, _ = build(SAC, box(-5, 90), actions(), normalized=True)
    other = VecNormalize(DummyVecEnv([lambda: Anything(model.observation_space, model.action_space)]))
    other.obs_rms.update(np.full((100, WIDTH), 7.0))
    np.testing.assert_array_equal(fp.from_sb3(model, other)[0].mean, other.obs_rms.mean)
    assert (fp.from_sb3(model)[0].mean != other.obs_rms.mean).any()


@pytest.mark.parametrize("own", [True, False])
def test_one_of_another_width_is_refused(own: bool) -> None:
    """Given, or the model's own, as after a change of the environment."""
    model, normalizer = build(PPO, box(), actions(), normalized=True)
    if own:
        normalizer.obs_rms.mean = np.zeros(WIDTH + 1)
        given: Any = None
    else:
        given = VecNormalize(DummyVecEnv([lambda: Anything(box(shape=(WIDTH + 1,)), actions())]))
    with pytest.raises(fp.ConversionError, match=r"shape \(4,\), as the model's, got \(5,\): pass the VecNormalize of"):
        fp.from_sb3(model, given)


def test_rewards_alone_with_categories() -> None:
    """A VecNormalize of rewards does nothing to observations, of which kind they are does not matter."""
    space = spaces.Discrete(5)
    env = VecNormalize(DummyVecEnv([lambda: Anything(space, actions())]), norm_obs=False)
    model = PPO("MlpPolicy", env, seed=0, device="cpu")
    assert fp.from_sb3(model).in_features == 5
