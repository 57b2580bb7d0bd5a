"""Augmentation: equal to torchvision's, image by image, on raw pixels and then normalised."""

import pytest
import torch
import torchvision.transforms.functional as F

from sgdwalk.errors import InputError
from sgdwalk.training import augmentation

MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
SD = (63.0 / 255, 62.1 / 255, 66.7 / 255)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def raw_images(count, channels, height, width):
    return torch.randint(256, (count, channels, height, width), generator=seeded()).to(torch.uint8)


def normalise(pixels):
    return F.normalize(pixels.float().div(255), MEAN, SD)


def black():
    return normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8)).flatten()


@pytest.mark.parametrize(("height", "width", "padding"), [(32, 32, 4), (6, 9, 2), (3, 3, 3)])
def test_crop_and_flip_equal_torchvisions_on_raw_pixels(height, width, padding):
    raw = raw_images(40, 3, height, width)
    rows, columns = torch.randint(2 * padding + 1, (2, 40), generator=seeded(1))
    flipped = torch.rand(40, generator=seeded(2)) < 0.5
    ours = augmentation.crop_padded(normalise(raw), rows, columns, padding, black(), flipped)
    for i, image in enumerate(raw):
        image = F.crop(F.pad(image, [padding]), int(rows[i]), int(columns[i]), height, width)
        image = F.hflip(image) if flipped[i] else image
        assert torch.equal(ours[i], normalise(image))


def test_crop_leaves_its_input_alone():
    images = torch.randn(8, 1, 5, 5, generator=seeded())
    before = images.clone()
    augmentation.random_shift(images, 1, seeded()).zero_()
    augmentation.random_shift(images, 0, seeded()).zero_()
    assert torch.equal(images, before)


def where_the_dot_went(side, count, augment):
    """Augment images with one bright pixel in the middle; return its row and column in each."""
    images = torch.zeros(count, 1, side, side)
    images[:, :, side // 2, side // 2] = 1
    places = augment(images).nonzero()
    assert len(places) == count
    return places[:, 2], places[:, 3]


def test_shifts_are_uniform_and_independent_over_images_and_directions():
    count = 18_000
    row, column = where_the_dot_went(7, count, lambda x: augmentation.random_shift(x, 1, seeded(5)))
    assert row.min() == column.min() == 2
    assert row.max() == column.max() == 4
    cells = torch.bincount((row - 2) * 3 + column - 2, minlength=9).double()
    chi_squared = ((cells - count / 9) ** 2 / (count / 9)).sum()
    assert chi_squared < 26.1  # 0.1 % of the chi-squared distribution with 8 degrees of freedom


def test_crops_are_uniform_and_half_of_the_images_are_mirrored():
    count = 16_200
    images = torch.zeros(count, 1, 21, 21)
    images[:, :, 10, 10] = 1
    images[:, :, 10, 11] = 2  # to the right of the first, unless mirrored
    result = augmentation.random_crop_flip(images, generator=seeded(6))
    first, second = (result == 1).nonzero(), (result == 2).nonzero()
    assert len(first) == len(second) == count
    mirrored = second[:, 3] < first[:, 3]
    assert abs(mirrored.double().mean() - 0.5) < 4 * 0.5 / count**0.5
    row = first[:, 2] - 6
    column = torch.where(mirrored, 20 - first[:, 3], first[:, 3]) - 6
    cells = torch.bincount(row * 9 + column, minlength=81).double()
    assert len(cells) == 81
    chi_squared = ((cells - count / 81) ** 2 / (count / 81)).sum()
    assert chi_squared < 124.8  # 0.1 % of the chi-squared distribution with 80 degrees of freedom


def test_what_slides_in_is_the_fill():
    images = torch.ones(50, 3, 4, 4)
    fill = torch.tensor([-1.0, -2.0, -3.0])
    shifted = augmentation.random_shift(images, 1, seeded(), fill)
    for channel in range(3):
        assert set(shifted[:, channel].unique().tolist()) == {1.0, fill[channel].item()}
    assert set(augmentation.random_shift(images, 1, seeded()).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("kind", ["shift", "crop_flip"])
def test_result_follows_the_generator(kind):
    augment = augmentation.augmentation(kind, 0.5)
    images = torch.randn(16, 1, 8, 8, generator=seeded())
    generator = seeded(1)
    first, second = augment(images, generator), augment(images, generator)
    assert torch.equal(first, augment(images, seeded(1)))
    assert not torch.equal(first, second)
    assert first.shape == images.shape
    assert first.dtype == images.dtype


def test_kinds_and_defaults():
    assert augmentation.augmentation("none") is None
    assert augmentation.default_augmentation("digits") == "shift"
    assert augmentation.default_augmentation("cifar10") == "crop_flip"
    assert augmentation.default_augmentation("gauss") == "none"
    with pytest.raises(InputError, match=r"'crop'.*none, shift, crop_flip"):
        augmentation.augmentation("crop")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_same_on_the_gpu():
    images = torch.randn(16, 3, 8, 8, generator=seeded())
    expected = augmentation.random_crop_flip(images, 2, generator=seeded(1))
    result = augmentation.random_crop_flip(images.cuda(), 2, generator=seeded(1))
    assert torch.equal(result.cpu(), expected)
