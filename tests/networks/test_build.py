"""Networks: parameter counts, architecture, initialisation, and what a wrong request is told."""

import csv
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.networks.build import build_network
from sgdwalk.networks.names import NETWORKS, SMALLEST_SIDE

REFERENCE = Path(__file__).parents[1] / "data" / "parameter_counts.csv"
VIT_QUERY_KEY_VALUE_BIASES = 6 * 3 * 512


def input_shape(name):
    return (1, 28, 28) if name in ("simplenet", "resnet_mnist") else (3, 32, 32)


def parameters(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def on_meta(name, shape, **keywords):
    """Build without memory or arithmetic."""
    with torch.device("meta"):
        return build_network(name, shape, **keywords)


def reference_counts():
    with REFERENCE.open() as file:
        return {row["model"]: int(row["parameters"]) for row in csv.DictReader(file)}


# Parameter counts in closed form, from the description of the networks alone.


def convolution(inputs, outputs, size, bias=False):
    return size * size * inputs * outputs + bias * outputs


def linear(inputs, outputs, bias=True):
    return inputs * outputs + bias * outputs


def norm(channels):
    return 2 * channels


def perceptron(inputs, layers, width):
    return linear(inputs, width) + (layers - 2) * linear(width, width) + linear(width, 10)


def residual(stem, stages, classes=10, bottleneck=False, shortcut=True, batch_norm=True):
    total = convolution(3, stem, 3) + norm(stem)
    inputs = stem
    for stage, (width, blocks) in enumerate(stages):
        for block in range(blocks):
            outputs = 4 * width if bottleneck else width
            if bottleneck:
                total += convolution(inputs, width, 1) + convolution(width, width, 3)
                total += convolution(width, outputs, 1) + norm(width) * 2 + norm(outputs)
            else:
                total += convolution(inputs, width, 3) + convolution(width, width, 3)
                total += batch_norm * 2 * norm(width)
            if shortcut and (inputs != outputs or (stage > 0 and block == 0)):
                total += convolution(inputs, outputs, 1) + norm(outputs)
            inputs = outputs
    return total + linear(inputs, classes)


def cifar(depth, factor=1, **keywords):
    blocks = (depth - 2) // 6
    widths = (16 * factor, 32 * factor, 64 * factor)
    return residual(widths[0], [(width, blocks) for width in widths], **keywords)


def imagenet(depth, shortcut=True):
    blocks = {
        18: (2, 2, 2, 2),
        34: (3, 4, 6, 3),
        50: (3, 4, 6, 3),
        101: (3, 4, 23, 3),
        152: (3, 8, 36, 3),
    }[depth]
    stages = list(zip((64, 128, 256, 512), blocks, strict=True))
    return residual(64, stages, bottleneck=depth >= 50, shortcut=shortcut)


def densenet():
    channels, total = 64, convolution(3, 64, 3)
    for index, layers in enumerate((6, 12, 24, 16)):
        for _ in range(layers):
            total += norm(channels) + convolution(channels, 128, 1)
            total += norm(128) + convolution(128, 32, 3)
            channels += 32
        if index < 3:
            total += norm(channels) + convolution(channels, channels // 2, 1)
            channels //= 2
    return total + norm(channels) + linear(channels, 10)


def expected_count(name):
    if match := re.fullmatch(r"mlp(\d+)_(\d+)", name):
        return perceptron(3072, int(match[1]), int(match[2]))
    if match := re.fullmatch(r"fc(\d+)", name):
        return 3072 * 100 + (int(match[1]) - 2) * 100 * 100 + 100 * 10
    shortcut, batch_norm = "noshort" not in name, "nobatchnorm" not in name
    if match := re.match(r"wrn(\d+)_(\d+)", name):
        return cifar(int(match[1]), int(match[2]), shortcut=shortcut)
    if match := re.match(r"resnet(18|34|50|101|152)(_noshort)?$", name):
        return imagenet(int(match[1]), shortcut)
    if match := re.match(r"resnet(\d+)", name):
        return cifar(int(match[1]), shortcut=shortcut, batch_norm=batch_norm)
    return {
        "densenet121": densenet(),
        "vgg9": sum(
            convolution(a, b, 3, bias=True) + norm(b)
            for a, b in ((3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256))
        )
        + (convolution(256, 256, 3, bias=True) + norm(256))
        + (linear(256 * 16, 256) + norm(256) + linear(256, 10)),
        "alex": convolution(3, 64, 4, bias=True)
        + convolution(64, 64, 5, bias=True)
        + 3 * convolution(64, 64, 3, bias=True)
        + (linear(64, 448) + linear(448, 448) + linear(448, 10)),
        "simplenet": convolution(1, 20, 5, bias=True)
        + convolution(20, 50, 5, bias=True)
        + (linear(4 * 4 * 50, 500) + linear(500, 10)),
        "resnet_mnist": sum(
            convolution(a, b, 3, bias=True) + norm(b)
            for a, b in ((1, 8), (8, 16), (16, 32), (32, 16), (16, 10))
        ),
        "vit": linear(3 * 4, 512)
        + (1 + 16 * 16 + 1) * 512  # class token; positions of the patches and of it
        + 6 * (2 * norm(512) + 4 * linear(512, 512) + 2 * linear(512, 512))
        + (norm(512) + linear(512, 10)),
    }[name]


def test_names_are_unique_and_hold_the_reference():
    assert len(set(NETWORKS)) == len(NETWORKS)
    assert set(reference_counts()) <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameter_count_and_outputs(name):
    shape = input_shape(name)
    model = on_meta(name, shape)
    count = parameters(model)
    assert count == expected_count(name)
    if name in reference_counts():
        more = VIT_QUERY_KEY_VALUE_BIASES if name == "vit" else 0
        assert count == reference_counts()[name] + more
    assert model.training
    assert model(torch.zeros(2, *shape, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    "name",
    [
        "resnet14",
        "densenet121",
        "vgg9",
        "alex",
        "fc3",
        "mlp3_100",
        "simplenet",
        "resnet_mnist",
        "vit",
    ],
)
def test_number_of_classes(name):
    shape = input_shape(name)
    model = on_meta(name, shape, num_classes=7)
    assert model(torch.zeros(2, *shape, device="meta")).shape == (2, 7)


def test_other_depths_widths_and_inputs():
    assert parameters(on_meta("resnet26", (3, 32, 32))) == cifar(26)
    assert parameters(on_meta("wrn26_3_noshort", (3, 32, 32))) == cifar(26, 3, shortcut=False)
    assert parameters(on_meta("resnet50_16", (3, 32, 32))) == cifar(50)
    assert parameters(on_meta("fc7", (1, 8, 8))) == 64 * 100 + 5 * 100**2 + 1000
    assert parameters(on_meta("fc1", (30,))) == 300
    assert parameters(on_meta("mlp3_100", (1, 8, 8))) == 64 * 100 + 100 + 100**2 + 100 + 1000 + 10
    assert parameters(on_meta("mlp2_7", (30,))) == 30 * 7 + 7 + 7 * 10 + 10
    assert parameters(on_meta("mlp6_50", (1, 8, 8))) == perceptron(64, 6, 50)
    assert parameters(on_meta("resnet14", (1, 8, 8))) == 174_970


# Architecture.


@pytest.mark.parametrize(("name", "peer"), [("resnet18", "resnet18"), ("resnet50", "resnet50")])
def test_imagenet_network_is_torchvisions_but_for_the_stem(name, peer):
    torch.manual_seed(0)
    ours = build_network(name, (3, 16, 16)).eval()
    theirs = getattr(torchvision.models, peer)(num_classes=10).eval()
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert a.shape == b.shape
        b.data.copy_(a.data)
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_stages_halve_the_image():
    model = on_meta("resnet14", (3, 32, 32))
    x = model.stem(torch.zeros(1, 3, 32, 32, device="meta"))
    shapes = []
    for stage in model.stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize(("name", "kept"), [("resnet14", True), ("resnet14_noshort", False)])
def test_shortcut_carries_the_input_past_dead_convolutions(name, kept):
    torch.manual_seed(0)
    block = build_network(name, (3, 8, 8)).stages[0][0]
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
    x = torch.rand(2, 16, 8, 8)
    assert torch.equal(block(x), x if kept else torch.zeros_like(x))


@pytest.mark.parametrize(
    ("name", "norms"),
    [
        ("resnet14", 1 + 6 * 2 + 2),
        ("resnet14_noshort", 1 + 6 * 2),
        ("resnet14_nobatchnorm", 1 + 2),  # the stem's and those of two projection shortcuts
        ("resnet14_noshort_nobatchnorm", 1),
    ],
)
def test_where_batch_normalisation_is(name, norms):
    model = on_meta(name, (3, 32, 32))
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == norms


def test_block_without_shortcut_and_norm_has_a_relu_after_each_convolution():
    torch.manual_seed(0)
    block = build_network("resnet14_noshort_nobatchnorm", (3, 8, 8)).stages[0][0]
    first, second = (m for m in block.modules() if isinstance(m, nn.Conv2d))
    x = torch.rand(2, 16, 8, 8)
    torch.testing.assert_close(block(x), torch.relu(second(torch.relu(first(x)))))


def test_fully_connected_network_is_a_product_of_matrices_and_relus():
    torch.manual_seed(0)
    model = build_network("fc3", (1, 2, 2), num_classes=3)
    nn.init.orthogonal_(next(model.parameters()))
    a, b, c = model.parameters()
    x = torch.randn(5, 1, 2, 2)
    expected = torch.relu(torch.relu(x.reshape(5, 4) @ a.T) @ b.T) @ c.T
    torch.testing.assert_close(model(x), expected)


def test_a_perceptron_is_affine_maps_and_relus():
    torch.manual_seed(0)
    model = build_network("mlp3_7", (1, 2, 2), num_classes=3)
    a, b, c, d, e, f = model.parameters()
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes == [(7, 4), (7,), (7, 7), (7,), (3, 7), (3,)]
    x = torch.randn(5, 1, 2, 2)
    expected = torch.relu(torch.relu(x.reshape(5, 4) @ a.T + b) @ c.T + d) @ e.T + f
    torch.testing.assert_close(model(x), expected)


def test_mnist_residual_network_keeps_the_size_of_the_image():
    model = on_meta("resnet_mnist", (1, 28, 28))
    assert model.first[0].padding == (15, 15)
    for side in (8, 27, 28):
        model = on_meta("resnet_mnist", (1, side, side))
        x = torch.zeros(2, 1, side, side, device="meta")
        assert model.first(x).shape == (2, 16, side, side)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alex", [0.5] * 2),
        ("vit", [0.1] * (1 + 6 * 3)),  # the embedding; attention and two linear layers each
        ("densenet121", []),
    ],
)
def test_dropout(name, expected):
    model = on_meta(name, (3, 32, 32))
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == expected


# Initialisation.


@pytest.mark.parametrize(
    "name", ["resnet14", "resnet14_noshort", "vgg9", "alex", "fc3", "simplenet", "vit"]
)
def test_first_loss_is_near_uniform(name):
    torch.manual_seed(0)
    shape = {"simplenet": (1, 28, 28), "vit": (3, 8, 8)}.get(name, (3, 32, 32))
    model = build_network(name, shape)
    loss = nn.functional.cross_entropy(model(torch.randn(32, *shape)), torch.arange(32) % 10)
    assert loss.item() == pytest.approx(math.log(10), abs=0.03)


@pytest.mark.parametrize("name", ["vgg9", "resnet18"])
def test_initial_distributions(name):
    torch.manual_seed(0)
    model = build_network(name)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            weight = module.weight
            fan_in = weight[0].numel()
            # The standard deviation of n normal numbers is known to 1 / sqrt(2 n); 5 sigma.
            tolerance = 5 / math.sqrt(2 * weight.numel())
            assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=tolerance)
        elif isinstance(module, nn.Linear):
            tolerance = 5 / math.sqrt(2 * module.weight.numel())
            assert module.weight.std().item() == pytest.approx(1e-3, rel=tolerance)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (module.weight == 1).all()
        if getattr(module, "bias", None) is not None:
            assert (module.bias == 0).all()


def test_initial_distributions_of_the_vision_transformer():
    torch.manual_seed(0)
    model = build_network("vit", (3, 8, 8))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif "ln" in name:
            assert (parameter == 1).all(), name
        else:
            expected = 1.0 if name in ("class_token", "encoder.pos_embedding") else 1e-3
            tolerance = 5 / math.sqrt(2 * parameter.numel())
            assert parameter.std().item() == pytest.approx(expected, rel=tolerance), name


@pytest.mark.parametrize("name", ["mlp2_300", "mlp3_100", "mlp8_100"])
def test_a_perceptron_has_torchs_own_initial_weights(name):
    """Uniform within one over the square root of the fan-in, biases too; drawn in their order."""
    shape = (1, 8, 8)
    torch.manual_seed(0)
    model = build_network(name, shape)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    for layer in layers:
        bound = 1 / math.sqrt(layer.in_features)
        for drawn in (layer.weight, layer.bias):
            assert drawn.abs().max().item() <= bound
            # The relative variance of n uniform numbers' variance is 4 / (5 n); 5 sigma.
            tolerance = 5 * math.sqrt(0.8 / drawn.numel())
            assert drawn.var().item() == pytest.approx(bound**2 / 3, rel=tolerance)
        assert layer.weight.abs().max().item() > 0.98 * bound
    torch.manual_seed(0)
    for layer in layers:
        fresh = nn.Linear(layer.in_features, layer.out_features)
        assert torch.equal(layer.weight, fresh.weight)
        assert torch.equal(layer.bias, fresh.bias)
    x, y = torch.randn(500, *shape), torch.arange(500) % 10
    loss = nn.functional.cross_entropy(model(x), y)
    assert loss.item() == pytest.approx(math.log(10), abs=0.05)


def test_weights_follow_the_seed_and_change_without():
    def weights():
        return nn.utils.parameters_to_vector(build_network("resnet14", (1, 8, 8)).parameters())

    torch.manual_seed(3)
    first, other = weights(), weights()
    torch.manual_seed(3)
    assert torch.equal(first, weights())
    assert not torch.equal(first, other)


# Wrong requests.


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resent14", "'resnet14'"),
        ("densnet121", "'densenet121'"),
        ("vitt", "'vit'"),
        ("resnet16", "6n.2.*14 and 20.*18, 34, 50, 101, 152"),
        ("resnet2", "8 and 14"),
        ("wrn15_2", "6n.2"),
        ("wrn14_0", "factor"),
        ("fc0", "one layer"),
        ("mpl3_100", "'mlp3_100'"),
        ("mlp3", "'mlp3_100'"),
        ("mlp1_100", "two layers or more, as one alone has no width"),
        ("mlp0_100", "two layers or more"),
        ("mlp3_0", "width must be 1"),
    ],
)
def test_wrong_name(name, says):
    with pytest.raises(InputError, match=says) as error:
        build_network(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "smallest"), SMALLEST_SIDE.items())
def test_smallest_image(name, smallest):
    channels = 1 if name == "simplenet" else 3
    build_network(name, (channels, smallest, smallest)).eval()(
        torch.zeros(1, channels, smallest, smallest)
    )
    less = smallest - 1
    with pytest.raises(InputError, match=f"{less}x{less} pixels.*{smallest}x{smallest}"):
        build_network(name, (channels, less, less))


@pytest.mark.parametrize("name", ["densenet121", "vgg9", "alex", "simplenet"])
def test_smallest_image_is_not_too_large(name, monkeypatch):
    shape = (3, SMALLEST_SIDE[name] - 1, SMALLEST_SIDE[name] - 1)
    monkeypatch.setattr("sgdwalk.networks.names.SMALLEST_SIDE", {})
    with pytest.raises(RuntimeError, match="too small"):
        on_meta(name, shape)(torch.zeros(2, *shape, device="meta"))


def test_inputs_that_do_not_fit():
    with pytest.raises(InputError, match="one channel, not 3"):
        build_network("resnet_mnist", (3, 28, 28))
    with pytest.raises(InputError, match="even side, not 9x9"):
        build_network("vit", (3, 9, 9))
    with pytest.raises(InputError, match="channels, height, width"):
        build_network("resnet14", (64,))
    with pytest.raises(InputError, match="1 or larger"):
        build_network("resnet14", (3, 0, 32))
    with pytest.raises(InputError, match="number of classes 0"):
        build_network("resnet14", num_classes=0)
    with pytest.raises(InputError, match="no options, but got width"):
        build_network("fc3", width=3)


# The user's own networks.


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(
        "import math\n"
        "from torch import nn\n"
        "def good(input_shape, num_classes, width=3):\n"
        "    size = math.prod(input_shape)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.BatchNorm1d(width),\n"
        "                         nn.Linear(width, num_classes))\n"
        "def number(input_shape, num_classes):\n"
        "    return 3\n"
        "def wrong_outputs(input_shape, num_classes):\n"
        "    return good(input_shape, num_classes + 1)\n"
        "def wrong_inputs(input_shape, num_classes):\n"
        "    return nn.Linear(17, num_classes)\n"
        "def broken(input_shape, num_classes):\n"
        "    return {}['key']\n"
        "text = 'not a factory'\n"
    )
    (tmp_path / "needs_missing.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("own_networks", "needs_missing"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("own_module")
def test_own_network():
    model = build_network("own_networks:good", (1, 4, 4), 5, width=7)
    assert parameters(model) == 16 * 7 + 7 + 14 + 7 * 5 + 5
    assert model.training
    assert model[2].num_batches_tracked == 0
    assert (model[1].bias != 0).any()  # it keeps its own initialisation


@pytest.mark.usefixtures("own_module")
@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("own_netwroks:good", {}, "no module 'own_netwroks'"),
        ("own_networks.deeper:good", {}, "no module 'own_networks.deeper'"),
        ("own_networks:god", {}, "has no 'god'"),
        ("own_networks:", {}, "package.module:factory"),
        ("own_networks:text", {}, "is a str"),
        ("own_networks:good", {"depth": 2}, "depth"),
        ("own_networks:number", {}, "must return a torch.nn.Module, not a int"),
        ("own_networks:wrong_outputs", {}, r"shape \(2, 11\).*\(2, 10\)"),
        ("own_networks:wrong_inputs", {}, r"fails on inputs of shape \(1, 4, 4\)"),
    ],
)
def test_own_network_that_is_wrong(name, options, says):
    with pytest.raises(InputError, match=says) as error:
        build_network(name, (1, 4, 4), 10, **options)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("own_module")
def test_errors_inside_the_users_code_are_not_hidden():
    with pytest.raises(KeyError, match="key"):
        build_network("own_networks:broken", (1, 4, 4))
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        build_network("needs_missing:good", (1, 4, 4))


def test_imports_only_what_is_needed():
    code = (
        "import sys; import sgdwalk.networks.build, sgdwalk.datasets.load; "
        "import sgdwalk.training.augmentation; "
        "print([m for m in ('torchvision', 'sklearn', 'h5py', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2] / "workflow/scripts",
    )
    assert result.stdout.strip() == "[]"
