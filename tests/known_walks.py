"""Random walks whose statistics are known, as increments, and a landscape of known roughness."""

import numpy as np

from sgdwalk.geometry.distances import squared_distances


def gram(increments):
    return increments @ increments.T


def gram_of_positions(positions):
    return gram(np.diff(positions, axis=0))


def brownian(rng, count, dimension):
    return rng.standard_normal((count, dimension))


def fractional(rng, count, dimension, hurst):
    """Fractional Gaussian noise by circulant embedding (Davies and Harte 1987)."""
    k = np.arange(count)
    covariance = (abs(k + 1.0) ** (2 * hurst) + abs(k - 1.0) ** (2 * hurst)) / 2 - k ** (2 * hurst)
    eigenvalues = np.fft.fft(np.concatenate([covariance, [0.0], covariance[:0:-1]])).real
    noise = rng.standard_normal((2, dimension, 2 * count))
    spectrum = np.sqrt(np.maximum(eigenvalues, 0) / (2 * count)) * (noise[0] + 1j * noise[1])
    return np.fft.fft(spectrum).real[:, :count].T


def levy_flight(rng, count, dimension, alpha):
    """Isotropic alpha-stable increments: Gaussian of one-sided stable variance (Kanter 1975)."""
    half = alpha / 2
    angle = rng.uniform(0, np.pi, (count, 1))
    ratio = np.sin((1 - half) * angle) / rng.exponential(size=(count, 1))
    variance = np.sin(half * angle) / np.sin(angle) ** (1 / half) * ratio ** ((1 - half) / half)
    return np.sqrt(variance) * rng.standard_normal((count, dimension))


def scaled_brownian(rng, count, dimension, moses):
    """Brownian increments whose variance grows so that `<x^2> = t^(2 M)`."""
    scale = np.sqrt(np.diff(np.arange(count + 1.0) ** (2 * moses)))
    return scale[:, None] * rng.standard_normal((count, dimension))


def rough_landscape(rng, dimension, hurst, waves=1000):
    """Isotropic random field with `<dL^2> ~ r^(2 H)` between wavelengths 0.006 and 6000."""
    number = np.exp(rng.uniform(np.log(1e-3), np.log(1e3), waves))
    amplitude = number**-hurst * rng.standard_normal(waves)
    direction = rng.standard_normal((dimension, waves))
    vectors = direction / np.linalg.norm(direction, axis=0) * number
    phase = rng.uniform(0, 2 * np.pi, waves)
    return lambda positions: np.cos(positions @ vectors + phase) @ amplitude


def free_walk(seed, hurst, length=1000, dimension=20):
    """Distances along a force-free walk and the losses it meets on a landscape of known H."""
    rng = np.random.default_rng(seed)
    positions = brownian(rng, length, dimension).cumsum(axis=0) / np.sqrt(dimension)
    loss = rough_landscape(rng, dimension, hurst)(positions)
    return np.sqrt(squared_distances(gram_of_positions(positions))), loss
