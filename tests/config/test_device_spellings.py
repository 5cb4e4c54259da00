"""Devices by what lspci, drivers, /proc/cpuinfo, nvidia-smi, clouds, phones and people call them."""

import re

import pytest

from life_jax.config import device_spellings, names
from life_jax.config.aliases import rules
from life_jax.config.schema import paths


@pytest.mark.parametrize(
    ("name", "label"),
    [
        # lspci, with and without numbers
        ("01:00.0 VGA compatible controller: NVIDIA Corporation GA102 [GeForce RTX 3090] (rev a1)", "rtx_3090"),
        ("17:00.0 3D controller [0302]: NVIDIA Corporation GH100 [H100 SXM5 80GB] [10de:2330] (rev a1)", "h100_sxm"),
        ("NVIDIA Corporation GV100GL [Tesla V100 SXM2 32GB]", "v100_sxm2_32gb"),
        ("Advanced Micro Devices, Inc. [AMD/ATI] Aqua Vanjaram [Instinct MI300X]", "mi300x"),
        ("NVIDIA Corporation GA104M [GeForce RTX 3070 Mobile / Max-Q]", "rtx_3070_mobile_8gb"),
        ("GB203M / GN22-X11 [GeForce RTX 5090 Max-Q / Mobile]", "rtx_5090_laptop"),
        # makers in front
        ("Google TPU v5e", "tpu_v5e"), ("Azure Cobalt 100", "cobalt_100"), ("Google Tensor G5", "tensor_g5_cpu"),
        # Vulkan, OpenGL, OpenCL
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "rx_7900_xtx"),
        ("Intel(R) Arc(tm) B580 Graphics (BMG G21)", "arc_b580"), ("NVIDIA GeForce RTX 3090/PCIe/SSE2", "rtx_3090"),
        ("NVIDIA GeForce RTX 4090 (NVK AD102)", "rtx_4090"), ("Intel® Arc™ A770 Graphics (DG2)", "arc_a770_16gb"),
        # memory beside the name
        ("NVIDIA GeForce RTX 4090, 24564 MiB", "rtx_4090"), ("NVIDIA A10G, 23028 MiB", "a10g"),
        ("RTX 3090 (24 GB)", "rtx_3090"), ("NVIDIA GeForce RTX 4060 Ti, 16380 MiB", "rtx_4060_ti_16gb"),
        ("NVIDIA GeForce RTX 4060 Ti 8GB", "rtx_4060_ti_8gb"), ("rtx4090 24gb", "rtx_4090"), ("RTX 3090 12GB", None),
        ("NVIDIA L4 80GB", None),
        # /proc/cpuinfo and lscpu
        ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", "core_i7_8700k_cpu"),
        ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", "core_i5_1135g7_cpu"),
        ("Intel(R) Core(TM) i7-14700KF", "core_i7_14700k_cpu"),
        ("12th Gen Intel(R) Core(TM) i5-12400F", "core_i5_12400_cpu"),
        ("AMD EPYC 9654 96-Core Processor", "epyc_9654"), ("AMD Ryzen 7 3700X 8-Core Processor", "ryzen_7_3700x_cpu"),
        ("AMD Ryzen 9 7940HS w/ Radeon 780M Graphics", "ryzen_9_7940hs_cpu"),
        ("AMD Ryzen Threadripper PRO 7995WX 96-Cores", "threadripper_pro_7995wx_cpu"),
        ("Intel(R) Xeon(R) CPU E5-2697A v4 @ 2.60GHz", "xeon_e5_2697a_v4"),
        ("AMD Ryzen 9 9950X (znver5)", "ryzen_9_9950x_cpu"),
        # boards and computers
        ("ASUS TUF Gaming RTX 4090 OC", "rtx_4090"), ("GeForce RTX 3060 Lite Hash Rate", "rtx_3060_12gb"),
        ("RTX 4090 Mobile", "rtx_4090_laptop"), ("MacBook Air (M4, 16 GB)", "apple_m4_16gb"),
        ("Mac mini M4", "apple_m4"), ("Mac Studio M2 Ultra", "apple_m2_ultra"), ("MacBookPro18,2", "apple_m1_max"),
        ("NVIDIA HGX B300", "b300"), ("GMKtec EVO-X2", "ryzen_ai_max_395_igpu_8060s"),
        ("ASUS Ascent GX10", "gb10_dgx_spark"),
        # clouds
        ("p5.48xlarge", "h100_sxm"), ("p5en.48xlarge", "h200_sxm"), ("p6-b200.48xlarge", "b200"),
        ("g6e.xlarge", "l40s"), ("g5.xlarge", "a10g"), ("c8g.metal-24xl", "graviton4"), ("c8g.xlarge", None),
        ("trn2.48xlarge", "trainium2"), ("a3-megagpu-8g", "h100_sxm"), ("Standard_NC40ads_H100_v5", "h100_nvl"),
        ("BM.GPU.H100.8", "h100_sxm"), ("Standard_ND96isr_MI300X_v5", "mi300x"), ("ct6e-standard-8t", "tpu_v6e"),
        ("v5litepod-8", "tpu_v5e"),
        # accelerators, phones and boards
        ("HL-325L", "gaudi3"), ("TPU v6 lite", "tpu_v6e"), ("Ironwood", "tpu_v7x"), ("QTI SM8750", "sd_8_elite_cpu"),
        ("Snapdragon 8 Gen 3", "sd_8_gen3_cpu"), ("SM-S938B", "sd_8_elite_cpu"), ("Orange Pi 5 Plus", "rk3588_cpu"),
        ("Tenstorrent Wormhole n300", "tenstorrent_n300"), ("Google Cloud TPU v5p", "tpu_v5p"),
        # what programs print before and behind a name
        ("GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5f4d2a1c-1111-2222-3333-444455556666)", "h100_sxm"),
        ("  Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes", "rtx_3090"),
        ("  Device 0: AMD Radeon RX 7900 XTX, gfx1100 (0x1100), VMM: no, Wave Size: 32", "rx_7900_xtx"),
        ("ggml_vulkan: 0 = AMD Radeon RX 7900 XTX (RADV NAVI31) (radv) | uma: 0 | fp16: 1", "rx_7900_xtx"),
        ("ggml_metal_device_init: GPU name:   Apple M4 Pro", "apple_m4_pro"), ("[SYCL] Intel(R) Arc(TM) A770 Graphics",
         "arc_a770_16gb"), ("CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23671 MiB free)", "rtx_4090"),
        ("model name\t: AMD EPYC 9654 96-Core Processor", "epyc_9654"), ("Name=NVIDIA GeForce RTX 4070 SUPER",
         "rtx_4070_super"), ("GPU[0]\t\t: Card Series: \t\tAMD Radeon RX 7900 XTX", "rx_7900_xtx"),
        ("ANGLE (NVIDIA, NVIDIA GeForce RTX 3070 Direct3D11 vs_5_0 ps_5_0, D3D11)", "rtx_3070"),
        ("AMD Radeon RX 6600 (radeonsi, navi23, LLVM 15.0.7, DRM 3.49, 6.1.0)", "rx_6600"),
        ("Apple M1 Pro (8 core CPU, 14 core GPU)", "apple_m1_pro_14c"),
        ("MacBook Pro 16-inch M3 Max 40-core GPU 128GB", "apple_m3_max_40c"),
        ("NVIDIA GeForce RTX 3050 4GB Laptop GPU", "rtx_3050_laptop"), ("Quadro T2000", "quadro_t2000_laptop"),
        ("NVIDIA RTX A4500 Laptop GPU", "rtx_a4500_laptop"), ("Intel(R) Arc(TM) Pro B70 Graphics", "arc_pro_b70"),
        ("Tesla V100-SXM3-32GB", "v100_sxm3_32gb"), ("iPhone17,3", "apple_a18"), ("HPU Gaudi2", "gaudi2"),
        ("CUDA0 (NVIDIA GeForce RTX 4090)", "rtx_4090"), ("MTL0 (Apple M2 Max)", "apple_m2_max"),
        # numbers alone, and names that lack a word or have a firm's
        ("4090", "rtx_4090"), ("3090ti", "rtx_3090_ti"), ("7900xtx", "rx_7900_xtx"), ("1080 Ti", "gtx_1080_ti"),
        ("i9-13900K", "core_i9_13900k_cpu"), ("7950X", "ryzen_9_7950x_cpu"), ("5600X", "ryzen_5_5600x_cpu"),
        ("AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics", "ryzen_7_7840u_cpu"),
        ("AMD Ryzen Threadripper PRO 5975WX 32-Cores", "ryzen_threadripper_pro_5975wx_cpu"),
        ("rtx_pro_6000_blackwell", "rtx_pro_6000_workstation"), ("RTX PRO 6000 Blackwell", "rtx_pro_6000_workstation"),
        ("AMD RYZEN AI MAX+ PRO 395 w/ Radeon 8060S", "ryzen_ai_max_395_cpu"),
        # what an integrated one may use of the computer's memory, which it does not name
        ("Intel(R) Arc(TM) 140T GPU (48GB)", "core_ultra_9_285h_igpu"),
        # a part of a device, or what several have
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", None), ("NVIDIA L40S-48Q", None), ("g6f.xlarge", None),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", None), ("[AMD/ATI] Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE]", None),
    ],
)  # fmt: skip
def test_a_device_is_understood_through_what_stands_around_its_name(name: str, label: str | None) -> None:
    assert names.device(name) == label


def test_what_says_that_it_is_a_processor_is_no_gpu() -> None:
    assert names.device("Apple M4") == "apple_m4"
    assert names.device("Apple M5 Processor") is None  # whose CPU is no device of ours, though its GPU is
    assert names.device("AMD Ryzen 7 8845HS w/ Radeon 780M Graphics") == "ryzen_7_8845hs_cpu"


def test_a_part_of_a_device_is_not_the_device() -> None:
    for name in ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A100-SXM4-80GB MIG 3g.40gb", "NVIDIA A40-48Q"):
        assert names.device(name) is None, name


@pytest.mark.parametrize(
    "name", ["2x NVIDIA GeForce RTX 3090", "8 x H100", "NVIDIA H100 80GB HBM3 (x8)", "dual EPYC 9654"]
)
def test_several_devices_are_refused_and_told_how_to_say_their_number(name: str) -> None:
    assert names.device(name) is None
    assert f"tp={device_spellings.count(name)}" in str(names.refusal("hw", name))


def test_rented_devices_are_ours() -> None:
    for rule in rules("instance"):
        assert rule["hw"] in paths.choices("hw"), rule


def test_a_long_name_is_read_in_time_that_grows_with_its_length() -> None:
    assert names.device("(" * 100_000) is None
    assert names.device("[" * 100_000 + " CPU @" * 10_000) is None


def test_a_chip_of_several_cards_is_refused_with_these():
    error = names.refusal("hw", "03:00.0 VGA: AMD [AMD/ATI] Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE] (rev c8)")
    assert "rx_7900_xt, rx_7900_xtx, rx_7900_gre is meant" in str(error)


@pytest.mark.parametrize("name", ["Lunar Lake", "Intel Lunar Lake", "gfx1100", "AMD Navi 48", "sm_90", "Genoa"])
def test_a_code_name_of_several_devices_is_refused_with_these(name: str) -> None:
    assert names.device(name) is None
    several = next(r["hw"] for r in rules("code_name") if re.fullmatch(r["name"], name_of(name)))
    assert all(label in paths.choices("hw") for label in several) and several[0] in str(names.refusal("hw", name))


def test_a_code_name_of_one_device_is_that_device_and_every_label_of_the_table_is_ours() -> None:
    assert names.device("Grace Hopper") == "gh200"
    for rule in rules("code_name"):
        assert set(rule["hw"]) <= set(paths.choices("hw")), rule


def name_of(name: str) -> str:
    return " ".join(names.words_of(name, names.MAKERS))
