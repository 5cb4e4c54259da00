"""What systems put around the name of a device: each spelling of a name without more of it.

lspci names the chip and, in brackets, the card; Vulkan and OpenGL the driver; /proc/cpuinfo the clock and the cores;
nvidia-smi the memory; people the computer that it is in.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# what programs print before a name (`GPU 0: `, `ggml_vulkan: 0 = `, `ANGLE (NVIDIA, `) and behind it
LABELLED = re.compile(r"^(?:.*[:=]\s+|\w+=|\[\w+\]\s*|ANGLE \([^,]*,\s*|1\s*[x×]\s+)(?=\S)", re.IGNORECASE)  # noqa: RUF001
BEHIND = re.compile(
    r",? compute capability .*$|,\s*gfx\d\w*.*$|\s*\|.*$|\s*\(UUID: [^)]*\)?$|\s*\(\d+ MiB, \d+ MiB free\).*$"
    r"|\s+Direct3D\d.*$|,\s*OpenGL.*$|,\s*Unspecified Version\)?$|\s*\(0x[0-9a-f]+\).*$",
    re.IGNORECASE,
)
# as llama.cpp names the devices of its backends: CUDA0 (NVIDIA GeForce RTX 4090)
OF_BACKEND = re.compile(
    r"^(?:CUDA|ROCm|HIP|MTL|Metal|Vulkan|SYCL|OpenCL|CANN|MUSA)\d*\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)$", re.IGNORECASE
)
OF_DRIVER = re.compile(r"\s*\((?:radv|amdvlk|nvk|anv|mesa)\)$", re.IGNORECASE)
APPLE_CORES = re.compile(
    r"(?<=\bM)(\d(?: (?:Pro|Max|Ultra))?)[\s,(]+(?:\d+[- ]core CPU[\s,/]*)?(\d+)[- ]core GPU\)?[\s,)]*", re.IGNORECASE
)
MARKS = re.compile(r"\((?:r|tm|c)\)|[®™©]", re.IGNORECASE)
# 01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] (rev a1)
PCI_CLASS = re.compile(r"^.*(?:controller|accelerators?|device)(?: \[[0-9a-f]{4}\])?: ", re.IGNORECASE)
BRACKETS = re.compile(r"\[([^\[\]]+)\]")
NO_CARD = re.compile(r"[0-9a-f]{4}(:[0-9a-f]{4})?|AMD/ATI", re.IGNORECASE)
DRIVER = re.compile(
    r"\s*\((?:rev|nvgpu|navi|radeonsi|strix|"
    r"radv|amdvlk|nvk|anv|hasvk|aco|llvm|amd open|amd proprietary|mesa|0x|gfx|dg[12]|acm|tgl|icl|adl|rpl|"
    r"mtl|arl|lnl|ptl|bmg|kbl|cfl|cml|skl|rkl|glk|jsl|znver\d|alderlake|raptorlake|meteorlake|arrowlake|lunarlake|"
    r"skylake|cascadelake|cooperlake|icelake|tigerlake|rocketlake|sapphirerapids|emeraldrapids|graniterapids|haswell|"
    r"broadwell|ivybridge|sandybridge|x86|neoverse|apple-)[^()]*\)|/PCIe/SSE\d?$|/integrated/SSE\d?$",
    re.IGNORECASE,
)
CLOCK = re.compile(r"\s*@\s*[\d.]+\s*GHz", re.IGNORECASE)
CORES = re.compile(
    r"\s*\b(?:\d+|dual|quad|six|eight|twelve|sixteen|twenty-four|thirty-two|sixty-four)[- ]cores?\b(?! GPU)"
    r"(?: processor)?"
    r"|\s*\bprocessor\b|\s*\bCPU\b|^\d+(?:st|nd|rd|th) gen\s+|^AWS\s+(?=graviton)",
    re.IGNORECASE,
)
BESIDE = re.compile(r"\s+(?:with|w/)\s+radeon\b.*$", re.IGNORECASE)  # the graphics of a processor
NO_GRAPHICS = re.compile(r"\b(i[3579]-\d{4,5}K?|Ultra \d \d{3}K?)F\b", re.IGNORECASE)
MEMORY = re.compile(
    r"[\s,/(_-]+(\d+(?:\.\d+)?)\s*(G|GB|GiB|MiB|MB)\)?"
    r"(?:\s*(?:V?RAM|HBM\d?e?|G?DDR\d\w?|LPDDR\d\w?|unified memory))?\s*$",
    re.IGNORECASE,
)
INSIDE = re.compile(r"\s+(\d{1,2})\s*GB(?=\s+laptop gpu$)", re.IGNORECASE)  # RTX 3050 4GB Laptop GPU
MOBILE = re.compile(r"\s+(?:mobile(?: / max-q)?|max-q / mobile|notebook)(?: gpu)?$|\s+laptop$", re.IGNORECASE)
LAPTOP = re.compile(r"\s+laptop gpu$", re.IGNORECASE)
KIND = re.compile(r"\s+(?:graphics|gpu)$", re.IGNORECASE)
SEVERAL = re.compile(r"\s*/\s*")  # of the cards that a chip is in, in one pair of brackets
BOARD = re.compile(
    r"^(?:asus(?:tek)?|msi|gigabyte|evga|zotac|pny|palit|gainward|inno3d|galax|colorful|sapphire|xfx|powercolor|asrock|"
    r"sparkle|acer|lenovo|dell|hpe?|supermicro)\s+(?:(?:rog|tuf|strix|gaming|proart|dual|suprim|ventus|trio|nitro|pulse|"
    r"red devil|merc|ftw3|xlr8|aorus|eagle|windforce|challenger|phantom)\s+)*"
    r"|\s+(?:founders edition|fe|oc(?: edition)?|lhr|lite hash rate|dual slot|oam|sxm\d? module|collectors edition)$"
    r"|-LS$",
    re.IGNORECASE,
)
COMPUTER = re.compile(
    r"^(?:\d{2}(?:\.\d)?(?:-inch|\")?\s+)?(?:macbook (?:pro|air)|mac (?:mini|studio|pro)|imac)\b[\s,(]*"
    r"(?:\d{2}(?:\.\d)?(?:-inch|\"|”)?[\s,]+)?(?:20\d\d[\s,]+)?(?:with\s+)?(?:apple\s+)?(?=m\d)",
    re.IGNORECASE,
)
MAKER = re.compile(
    r"^(?:hpu\s+|mesa\s+|"
    r"(?:nvidia )?[hd]gx\s+(?=[ah]?[ghbr]?[ab]?\d)|google cloud\s+|(?:google )?(?:cloud )?(?=tpu)|"
    r"(?:google |azure |microsoft )(?=axion|cobalt|tensor g\d)|huawei\s+|moore threads\s+|"
    r"habana(?: labs)?\s+|(?:samsung|xiaomi|google)\s+(?=galaxy|pixel|mi\b|\d)|qti\s+|"
    r"qualcomm technologies,? inc\.?\s+|qualcomm\s+(?=snapdragon|sm\d)|"
    r"tenstorrent (?:wormhole|blackhole)\s+|advanced micro devices,? inc\.?\s+)",
    re.IGNORECASE,
)
PRO = re.compile(
    r"(?<=\bryzen )(?!threadripper)(.*)\bPRO\s+(?=\w*\d)", re.IGNORECASE
)  # the same chip with a firm's management
# numbers that people type alone, and what stands before them: cards, then processors
CARD = re.compile(r"\d{4}\s?(?:ti|super|ti super|d|xtx?|gre)?(?:\s(?:\d+\s?GB|laptop(?: gpu)?))*", re.IGNORECASE)
SERIES = ("RTX", "GTX", "RX")
CORE = re.compile(r"i[3579][- ]?\d{4,5}\w{0,2}", re.IGNORECASE)
RYZEN = re.compile(r"\d{4}(?:x3d|x|xt|g|ge|hs|hx|h|u)", re.IGNORECASE)
COUNT = re.compile(r"^\s*(\d{1,3})\s*[x×]\s*(?=\w*[a-z])|\s[x×]\s*(\d{1,3})\s*$|\s\(x(\d{1,3})\)\s*$", re.IGNORECASE)  # noqa: RUF001
DUAL = re.compile(r"\s*(?:dual[- ](?:socket )?|two |pair of )(?!core)(?=\S)", re.IGNORECASE)
SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96)  # GB that memories have
NEAR = 0.07  # by which a stated memory may differ: error correction and the driver keep some of it


@dataclass(frozen=True)
class Spelling:
    """One way to write a device's name. memory [GB or GiB] that was said beside it, 0 where none was. is_cpu: what was
    left out says that it is a processor."""

    name: str
    memory: float = 0.0
    is_cpu: bool = False

    def agrees(self, memory_gb: float, device_class: str) -> bool:
        """Whether a device of ours is what was left out of the name."""
        if self.is_cpu and device_class not in ("cpu", "mobile_soc"):
            return False
        return not self.memory or device_class in ("cpu", "igpu") or abs(self.memory / memory_gb - 1) <= NEAR


Rule = Callable[[Spelling], Iterator[Spelling]]


def spellings(name: str) -> Iterator[Spelling]:
    """The name with less and less of what is put around it; not as it is written."""
    now = Spelling(" ".join(MARKS.sub("", name).split()))
    shown = {name}
    if now.name not in shown:
        shown.add(now.name)
        yield now
    for rule in RULES:
        for other in rule(now):
            if other.name and other.name not in shown:
                shown.add(other.name)
                yield other
                now = other


def alternatives(name: str) -> list[str]:
    """The cards that a name of lspci lists for one chip: [Radeon RX 7900 XT/7900 XTX]; none where it does not."""
    cards = [text for text in BRACKETS.findall(name) if not NO_CARD.fullmatch(text) and "/" in text]
    if not cards:
        return []
    first, *rest = SEVERAL.split(cards[-1])
    series = re.split(r"(?=\b\w*\d)", first, maxsplit=1)[0]
    return [first, *(series + part if part[:1].isdigit() else part for part in rest)]


def count(name: str) -> int:
    """How many devices a name says that there are: `2x RTX 3090`; 1 where it does not say."""
    if DUAL.match(name):
        return 2
    said = COUNT.search(name)
    return int(next(filter(None, said.groups()))) if said else 1


def _without(
    pattern: re.Pattern[str], by: str = "", *, is_cpu: bool = False
) -> Callable[[Spelling], Iterator[Spelling]]:
    def rule(now: Spelling) -> Iterator[Spelling]:
        left = " ".join(pattern.sub(by, now.name).split())
        if left != now.name:
            yield Spelling(left, now.memory, now.is_cpu or is_cpu)

    return rule


def _card(now: Spelling) -> Iterator[Spelling]:
    """The card in the brackets of lspci, else the text without the class of a PCI device."""
    cards = [text for text in BRACKETS.findall(now.name) if not NO_CARD.fullmatch(text)]
    left = cards[-1] if cards else BRACKETS.sub("", PCI_CLASS.sub("", now.name)).strip()
    if left != now.name:
        yield Spelling(left, now.memory, now.is_cpu)


def _memory(now: Spelling) -> Iterator[Spelling]:
    """The name with its memory in whole GB, then without."""
    said = MEMORY.search(now.name)
    if said is None:
        return
    size = float(said[1]) / (1024 if said[2].lower().startswith("m") else 1)
    left = now.name[: said.start()].rstrip(" ,(")
    sizes = {
        round(size),
        *(whole for whole in (4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96) if 0 <= whole - size <= NEAR * whole),
    }
    for whole in sorted(sizes):
        yield Spelling(f"{left} {whole}GB", 0.0, now.is_cpu)
    yield Spelling(left, size, now.is_cpu)


def _memory_inside(now: Spelling) -> Iterator[Spelling]:
    """The name without a memory that stands in its middle."""
    said = INSIDE.search(now.name)
    if said is not None:
        yield Spelling(INSIDE.sub("", now.name), float(said[1]), now.is_cpu)


def _short(now: Spelling) -> Iterator[Spelling]:
    """A number alone with the series that has it: 4090, 7900 XTX, i9-13900K, 7950X."""
    if CARD.fullmatch(now.name):
        for series in SERIES:
            yield Spelling(f"{series} {now.name}", now.memory)
    if CORE.fullmatch(now.name):
        yield Spelling(f"Intel Core {now.name} CPU", now.memory, True)
    if RYZEN.fullmatch(now.name):
        for tier in (9, 7, 5, 3):
            yield Spelling(f"AMD Ryzen {tier} {now.name} CPU", now.memory, True)


def _processor(now: Spelling) -> Iterator[Spelling]:
    yield Spelling(f"{now.name} CPU", now.memory, True)


RULES: tuple[Rule, ...] = (
    _without(OF_BACKEND, r"\1"),
    _without(BEHIND),
    _without(LABELLED),
    _without(OF_DRIVER),
    _without(APPLE_CORES, r"\1 (\2-core GPU) "),
    _card,
    _without(DRIVER),
    _without(BESIDE, is_cpu=True),
    _without(CLOCK, is_cpu=True),
    _without(CORES, " ", is_cpu=True),
    _without(NO_GRAPHICS, r"\1", is_cpu=True),
    _without(PRO, r"\1"),
    _without(MAKER),
    _without(COMPUTER, "Apple "),
    _memory,
    _without(BOARD),
    _without(MOBILE, " Laptop GPU"),
    _memory_inside,
    _without(LAPTOP, " laptop"),
    _memory,
    _without(KIND),
    _short,
    _processor,
)
