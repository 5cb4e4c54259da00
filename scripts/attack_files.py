"""Attacks on what commands read: hostile GGUF, YAML, JSON, CSV and study files, and mutated command lines."""

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from attack_process import CONF, Result, run
from attack_verbs import SERVED, trace_files

POINT = ["axes.batch=[1]", "axes.prompt_tokens=[64]"]
Failures = list[str]
ODD = [
    "", "0", "-1", "1e400", "nan", "inf", "null", "[]", "{}", "9" * 400, "9" * 5000, "true", "2024-13-45", "1:30", "~",
    "'${oc.env:HOME}'", "!!python/name:os.system", "*a", "&a [*a]", "[" * 999 + "]" * 999, "\0", "\ufeff", "../x", "-",
    "{a: " * 99 + "1" + "}" * 99, "'" + "x" * 100_000 + "'", "[1, [2, [3]]]", "- 1", "a: b: c", "<<: 1", "1_000",
]  # fmt: skip
ODD_JSON = [
    None,
    True,
    0,
    -1,
    0.5,
    1e308,
    10**400,
    "",
    "x",
    "32",
    [],
    {},
    [1],
    {"a": 1},
    [[[]]],
    float("nan"),
    "\x00",
    2**63,
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes with a few changed, cut, doubled or put elsewhere."""
    whole = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        if not whole:
            break
        at, end = sorted(chance.choices(range(len(whole) + 1), k=2))
        how = chance.randrange(6)
        if how == 0:
            whole[min(at, len(whole) - 1)] = chance.randrange(256)
        elif how == 1:
            del whole[at : min(end, at + 40)]
        elif how == 2:
            whole[at:at] = whole[at : min(end, at + 200)]
        elif how == 3:
            del whole[at:]
        elif how == 4:
            whole[at:at] = chance.randbytes(chance.choice((1, 8, 64)))
        else:
            whole[at : at + 8] = struct.pack("<Q", chance.choice((0, 1, 2**31, 2**40, 2**63, 2**64 - 1)))
    return bytes(whole)


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _gguf(metadata: dict[str, bytes], tensors: dict[str, tuple[int, ...]], kind: int = 1) -> bytes:
    """A header; metadata: key -> type and value."""
    out = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    out += [_text(key) + value for key, value in metadata.items()]
    for name, shape in tensors.items():
        out.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0))
    return b"".join(out)


def gguf_files(chance: random.Random, count: int) -> Iterator[bytes]:
    """Headers of a small model: a value, a tensor or bytes wrong."""

    def u32(value: int) -> bytes:
        return struct.pack("<II", 4, value)

    def f32(value: float) -> bytes:
        return struct.pack("<If", 6, value)

    def text(value: str) -> bytes:
        return struct.pack("<I", 8) + _text(value)

    def array(kind: int, length: int, content: bytes = b"") -> bytes:
        return struct.pack("<IIQ", 9, kind, length) + content

    facts = {
        "general.architecture": text("llama"), "llama.block_count": u32(1), "llama.embedding_length": u32(64),
        "llama.feed_forward_length": u32(128), "llama.attention.head_count": u32(2), "llama.context_length": u32(512),
        "llama.attention.head_count_kv": u32(1), "llama.vocab_size": u32(96), "llama.attention.key_length": u32(32),
    }  # fmt: skip
    tensors = {
        "token_embd.weight": (64, 96), "output.weight": (64, 96), "output_norm.weight": (64,),
        "blk.0.attn_q.weight": (64, 64), "blk.0.attn_k.weight": (64, 32),
        "blk.0.attn_v.weight": (64, 32), "blk.0.attn_output.weight": (64, 64),
        "blk.0.ffn_gate.weight": (64, 128), "blk.0.ffn_up.weight": (64, 128), "blk.0.ffn_down.weight": (128, 64),
        "blk.0.attn_norm.weight": (64,), "blk.0.ffn_norm.weight": (64,),
    }  # fmt: skip
    deep = array(9, 1) * 5000
    wrong = [
        u32(0), u32(2**32 - 1), f32(float("nan")), f32(float("inf")), f32(-1), text("many"), text(""), array(4, 0),
        deep, array(4, 2**40), array(4, 2**63), array(8, 2**61), array(4, 2, struct.pack("<II", 2, 3)),
        struct.pack("<I", 99),
    ]  # fmt: skip
    cases = [_gguf({k: v for k, v in facts.items() if k != gone}, tensors) for gone in facts]
    cases += [_gguf(facts, {k: v for k, v in tensors.items() if k != gone}) for gone in tensors]
    cases += [_gguf(facts | {key: value}, tensors) for key in facts for value in wrong]
    shapes: list[tuple[int, ...]] = [(), (0,), (64,), (0, 96), (2**40, 2**40), (1, 1, 1, 1), (2**64 - 1, 2)]
    cases += [_gguf(facts, tensors | {name: shape}) for name in tensors for shape in shapes]
    cases += [
        _gguf(facts, tensors | {name: (64, 64)})
        for name in ("blk.0", "blk.", "blk.x.y", "", "blk.-1.a", "blk.9999999999.q")
    ]
    cases += [_gguf(facts, tensors, kind) for kind in (4, 99, 2**32 - 1)]
    whole = _gguf(facts, tensors)
    chance.shuffle(cases)
    yield from cases[: count * 2 // 3]
    for _ in range(count - len(cases[: count * 2 // 3])):
        yield mutated(whole, chance)


def yaml_files(chance: random.Random, count: int, text: str) -> Iterator[bytes]:
    """A file with a value, a key or bytes wrong, and bombs."""
    lists = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else '1'}]\n" for n in range(12))
    maps = "".join(
        f"b{n}: &b{n} {{{', '.join(f'k{i}: *b{n - 1}' for i in range(4)) if n else 'x: 1'}}}\n" for n in range(16)
    )
    yield from (whole.encode("utf-8", "surrogatepass") for whole in (lists, maps, text + lists, text + maps, ""))
    lines = text.splitlines()
    for _ in range(count - 5):
        if chance.random() < 0.3:
            yield mutated(text.encode(), chance)
            continue
        at = chance.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        odd = chance.choice(ODD)
        line = chance.choice([f"{key}{colon} {odd}", f"{key}{colon} {odd}", f"{odd}: 1", lines[at] * 2])
        yield "\n".join([*lines[:at], line, *lines[at + 1 :]]).encode("utf-8", "surrogatepass")


def json_files(chance: random.Random, count: int) -> Iterator[bytes]:
    """A config.json with a value or bytes wrong."""
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96,
        "hidden_act": "silu", "max_position_embeddings": 512, "tie_word_embeddings": False,
        "rope_scaling": None, "torch_dtype": "bfloat16",
        "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
    }  # fmt: skip
    whole = json.dumps(config)
    yield from (
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{\x00}\x00",
        b'{"model_type":"llama","model_type":"qwen2"}',
        b"",
    )
    for _ in range(count - 5):
        if chance.random() < 0.3:
            yield mutated(whole.encode(), chance)
            continue
        changed = json.loads(whole)
        inner = changed["quantization_config"] if chance.random() < 0.3 else changed
        inner[chance.choice(list(inner))] = chance.choice(ODD_JSON)
        yield json.dumps(changed).encode()


def csv_files(chance: random.Random, count: int) -> Iterator[bytes]:
    """Measurements with a cell or bytes wrong."""
    head = "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value"
    row = ["r1", "v100", "llama2_7b", "fp16", "generic", "1", "512", "128", "ttft_s", "0.2"]
    for _ in range(count):
        rows = [list(row) for _ in range(3)]
        rows[0][chance.randrange(len(row))] = chance.choice(
            [*ODD[:12], '"', "=1+1", "1,024", "0x10", "x" * 10_000, "-5", "\r"]
        )
        whole = "\n".join([head, *map(",".join, rows)]).encode("utf-8", "surrogatepass")
        yield mutated(whole, chance) if chance.random() < 0.4 else whole


def hostile_files(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Give commands `count` hostile files, of each kind as many; what a study writes stays in its folder."""
    chance, each = random.Random(seed), -(-count // 7)
    device = (CONF / "hw" / "v100_sxm2_32gb.yaml").read_text(encoding="utf-8")
    engine = (CONF / "engine" / "vllm.yaml").read_text(encoding="utf-8")
    study = "description: x\nhw: [v100]\nopt: [int4]\naxes:\n  batch: [1]\n  prompt_tokens: [64]\nout: x.nc\n"
    plans = {
        "gguf": (gguf_files(chance, each), "x.gguf", "explain", ["hw=v100", "model=x.gguf"]),
        "device": (yaml_files(chance, each, device), "x.yaml", "explain", ["hw=x.yaml"]),
        "engine": (yaml_files(chance, each, engine), "x.yaml", "explain", ["hw=v100", "engine=x.yaml"]),
        "study": (yaml_files(chance, each, study), "x.yaml", "sweep", ["study=x.yaml"]),
        "config.json": (json_files(chance, each), "config.json", "explain", ["hw=v100", "model=config.json"]),
        "csv": (csv_files(chance, each), "x.csv", "validate", ["x.csv"]),
        "trace": (trace_files(chance, each), "x.csv", "serve", [*SERVED, "load.trace=x.csv", "format=json"]),
    }
    return tried(plans, top, lambda ended, folder, verb: "")


Plans = dict[str, tuple[Iterator[bytes], str, str, list[str]]]


def tried(plans: Plans, top: Path, wrong: Callable[[Result, Path, str], str]) -> tuple[int, Failures]:
    """How many files were tried, each by a command in a folder of its own, and what went wrong.

    plans: kind -> contents, name of the file, verb and its words; wrong: why what a command left is no answer.
    """
    done, failures = 0, Failures()
    for kind, (files, name, verb, words) in plans.items():
        for number, data in enumerate(files):
            folder = top / kind / str(number)
            folder.mkdir(parents=True)
            (folder / name).write_bytes(data)
            ended = run(verb, words, folder)
            done += 1
            outside = {path.name for path in folder.parent.iterdir()} - {str(number)}
            if why := ended.fault or wrong(ended, folder, verb) or (outside and f"wrote {outside}"):
                failures.append(f"{kind} {number} ({data[-60:]!r}): {why}")
            shutil.rmtree(folder)
    return done, failures


LINES = [
    ["sweep", "hw=v100", "opt=int4", *POINT, "out=x.nc"],
    ["sweep", "hw=[v100,h100_sxm]", "opt=[int4,kv8]", "model=[llama3_8b,qwen3_8b]", *POINT, "out=x.nc"],
    [
        "sweep",
        "hw=v100",
        "axes.bandwidth_gb_per_s=geomspace(100,4000,4)",
        "axes.batch=[1]",
        "metrics=[ttft,tpot]",
        "out=x.nc",
    ],
    ["sweep", "hw=v100", "axes.opt=[[],[int4],[int4,kv8]]", *POINT, "lazy=true", "out=x.nc"],
    ["sweep", "hw=v100", *POINT, "pareto=[ttft,throughput]", "limit.tpot=0.1", "out=x.nc"],
    ["explain", "hw=v100", "model=llama3_8b", "workload.batch=4", "precision.kv_bits=8", "format=json"],
    ["explain", "hw=h100_sxm", "engine=vllm", "hw.h100_sxm.memory_gb=90", "engine.tensor_parallel=2"],
    ["catalog", "hw"],
    [
        "serve",
        *SERVED,
        "rate=2",
        "prompt=512",
        "load.output_tokens=[[64,0.5],[128,0.5]]",
        "target.ttft=1",
        "format=json",
    ],
    ["plan", *SERVED, "devices=[1,2]", "prompt=64", "output=16", "target.tpot=0.1", "write=launch", "format=json"],
    ["plan", *SERVED, "devices=[1]", "prompt=64", "output=16", "also=[eagle3,offload]", "offload.hw=here", "top=2"],
    ["explain", "hw=here", "model=llama3_2_1b", "format=json"],
    ["sweep", "hw=[h100*,class:npu]", "model=llama3_2_1b", "engine=[generic,ideal]", *POINT, "out=x.csv"],
]
PIECES = [
    *"=+,[]{}()'\"\\$~.:/*?!#&;|<> \t%@^-0198aZé", "${oc.env:HOME}", "1e400", "nan", "-1", "../", "~.nc", "hydra.",
    "linspace(", "\x7f", "\udce9", "--help", "--cfg job", "[[", "]]",
]  # fmt: skip


def command_lines(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Give commands `count` lines with characters and words wrong."""
    chance, failures = random.Random(seed), Failures()
    for number in range(count):
        verb, *words = chance.choice(LINES)
        for _ in range(chance.choice((1, 1, 2, 3))):
            if not words:
                break
            at = chance.randrange(len(words))
            word = words[at]
            place = chance.randrange(len(word) + 1)
            how = chance.randrange(5)
            if how == 0:
                words[at] = word[:place] + chance.choice(PIECES) + word[place:]
            elif how == 1:
                words[at] = word[:place] + word[place + 1 :]
            elif how == 2:
                words[at] = word[:place]
            elif how == 3:
                words.insert(chance.randrange(len(words) + 1), word)
            else:
                words[at] = word[:place] + chance.choice(PIECES) + word[place + 2 :]
        folder = top / "lines" / str(number)
        ended = run(verb, words, folder)
        if ended.fault:
            failures.append(f"{verb} {words!r}: {ended.fault}")
        shutil.rmtree(folder)
    return count, failures
