"""Words of docs/accuracy.md that no number changes: how it was judged, known causes, and what would help."""

INTRODUCTION = """# Accuracy

Written by `scripts/accuracy_page.py` from forecasts of `scripts/fit_efficiency.py`. Published end-to-end measurements
of single streams and static batches; |forecast time / measured time - 1| in percent: mean over cells / median over
cells (cells, median forecast / measured time of rows). A cell is a device, a model and an engine; every cell counts
the same. TTFT includes prefill rates, TPOT decode rates; TOTAL is the time of a whole request.

**What a user may expect on a device that nobody measured** is the first line: rows of 2024 to 2026, forecast with
constants that were fitted without any row of their publisher. Most of these publishers measured a device or an engine
that no other row has, so that the line says how far the rest of the world tells of them.

* *sources left out*, *devices left out*: constants by class and by engine fitted to the rows of the other sources
  (publishers; small ones are left out in four groups) or devices (five folds). Priors that somebody chose are neutral
  in these fits: one median and a wide deviation for every engine and class. Only priors that were read in kernel
  timings or in the software itself differ (`scripts/fit_priors.py`).
* *left out on purpose*: regimes that the other rows do not have, the longest contexts, the largest batches, mixtures
  of experts.
* *three recommended*, *three drawn*: three rows of every left-out device under each engine calibrate its own numbers,
  as `life-jax calibrate` does; its other rows are judged, and *before* are the same rows. Recommended are those that
  leave least unknown before anything is measured, as its line *measure next* says; drawn are any (at least one prefill
  and one decode row where there are both, the mean of some draws). What a calibration expects of a device and of a row
  is fitted to the devices of other folds (`scripts/fit_calibration.py`). *Three drawn of a device, any engine*
  calibrate the engines that they are of, and nothing else. *A level* takes out the median of all rows of a device, an
  engine and a kind, or of those of its other models: what no factor for a device can mend is the shape of the forecast
  over models and prompts, and the noise of rows.
* *datasheet*, *LIFE* (half of each peak, one maximum over totals) and *two factors* (the medians of these very rows,
  one for compute and one for memory) are the baselines that `life-jax validate` prints too.
* *in sample*: constants fitted to all rows, which these forecasts then use. It says least.
* *beyond, wider*: rows of which nothing like them was in the fit: none of the engine (whatever the year of its build),
  none of it on the class of devices, none of a build less than a quarter of a year older, none of a mixture of experts,
  none of so long a context or so large a batch. Their intervals are wider by what rows tell that were left out
  (`conf/support.yaml`, `scripts/fit_intervals.py`); tables mark such forecasts, files have `extrapolated`.

"""

# part of a cell, or of its device and engine -> what is known of why it is off
CAUSES = (
    ("Max 1550", "one device with software of its own: kernels compiled in the first call, collectives by the host"),
    ("megatron", "a decode step takes 17 ms more for each sequence, however short, which is not explained"),
    ("llama_cpp_ampere", "kernels of the maker's own, of which no other row tells"),
    ("vLLM 0.25.0", "contexts to 256k with an fp8 cache on a card without fp8, which no other row has"),
    ("exllamav3", "unpacking of its trellis binds in decode; no other row has that format"),
    ("NPU", "no other device of its kind is measured"),
    ("rkllm", "no other device of its kind is measured"),
    ("fastflowlm", "no other device of its kind is measured"),
    ("R9700", "no other RDNA4 card is measured at depth; builds on one card differ by 1.5"),
    ("openvino", "systems with one chip differ by 1.4, between publishers and power modes"),
    ("llama_cpp_hip", "kernels differ by card and build, and experts in prefill by 2"),
    ("cpu", "what llama.cpp makes of an instruction set differs by format, build and number of threads"),
    ("tgis", "a build unlike other engines"),
    ("LocalScore", "medians of few submissions; some of these ran partly on the host or beside other programs"),
    ("mlx", "mixtures of experts and hybrids under new builds, of few rows"),
)

SHAPES = """## Residuals by context, batch and model size

Forecasts of rows that the constants were fitted to, each device under an engine at its own level, so that what is left
is shape (`scripts/picture_residuals.py`). Grey: the 80 % interval of the engine's classes; lines: slopes; red: an
engine with a slope that the interval does not cover over the range of its rows, listed below.

![by context](pictures/residuals_context.png)
![by batch](pictures/residuals_batch.png)
![by active parameters](pictures/residuals_size.png)

"""

CONTENTS = """## What is fitted, and to what

Both development panels: `panel_dev.csv` and `panel_new_dev.csv` with the rows that they list, of each cell at most
eight, spread evenly over batch, context and prompt. Left out are rows that are more than 1.5 times faster than the
datasheet's roofline allows (36: decode of CPUs and NPUs, whose unpacking or bandwidth our files understate, two of MLX,
six prompts under vLLM on four cards), batches that do not fit in memory (4), and rows of a build that nobody gets who
does not ask for it, whatever its forecast (764): with the library's kernels of the card switched off by hand and with
nightly builds of a compiler (480 of one Radeon AI Pro R9700), and of branches of somebody's own (284 of one Strix
Halo).
Constants by class, by engine, by family of engines and of all engines together; a constant that no row tells takes
the value of its family or of all.

Fourteen things were learned from the residuals of the new rows, and hold for devices of no row as well:

* **CPUs multiply blocks of bytes, not matrices.** A block of 32 bytes and its scale takes five or six instructions on
  x86 and four on Arm, whatever the width of the matrix units; that rate (`int8_dot`) replaces the datasheet's int8.
  Work of one thread that others do not divide (`serial_part`) is what 96 threads lack.
* **llama.cpp scored every sequence's cache for each query** until it got one stream for each sequence in July 2025
  (`cache_shared`): decode of 32 sequences of 512 tokens is that of 16 000 tokens each.
* **Flash attention on Radeon cards went by the vector rate** under HIP until early 2026 and does under Vulkan
  (`attention_units: [fp32]`), not by the matrix rate [inferred: an RDNA4 card with 3.2 times the matrix rate of an
  RDNA3.5 GPU is 1.6 times as fast]. Since then it is a kernel on the matrix units under HIP
  (ggml-org/llama.cpp#18481), so that `llama_cpp_hip` and `llama_cpp_hip_tile` are two: with one for both, prompts
  at depth were forecast 1.1 to 1.6 times too slow for builds of 2026 and 0.85 times for those of December 2025.
* **Products of quantized blocks are bound by what stands beside them.** llama.cpp's own kernels scale and add the sum
  of every 32 products on the vector units, and fetch and unpack the next there (`block_work`), so that a card gains
  little from matrix units that are fast beside those: prompts on an A100 or on RDNA4 cards are forecast by that from
  those on GeForce cards and on RDNA3.5, without a constant of their own.
* **OpenVINO of 2025 multiplies quantized weights as bytes** on GPUs with matrix units, as it quantizes activations by
  token (`quantized_units: [int8]`; openvinotoolkit/openvino#30614).

* **LocalScore's time of a prompt is a mean over nine** of 16 to 4096 tokens. Its tokens are those of 1332, its pairs of
  query and key those of a longer one, which such a row now has (`mean_of_prompts` of `conf/alias/source.yaml`).
* **A softmax is one pass.** What programs do besides what is counted (casts, copies, norms in parts) is theirs in
  element-wise operators (`elementwise_efficiency`), but a kernel reads and writes the scores once: with that factor on
  it, prompts of 4096 tokens without flash attention were forecast 1.2 to 1.7 times too slow beside short ones.
* **Cards with a large L2 draw more of their memory.** RTX 40, RTX Ada, L4, L40 and Blackwell's cards (`gpu_ada`)
  reach more than 0.9 of it where Ampere cards reach 0.8, under every engine.
* **Launches are of a build** (`dispatch_quality` has nothing in common with other builds' or programs'): how many
  kernels make one operator changes from year to year. ggml's graphs tell it: 31 kernels for 17 operators without
  fusion, 17 for 12 with what llama.cpp fuses since the second half of 2025; its activations are fp32, twice as wide as
  counted, and every kernel is a pass. What a launch costs is read in kernel tables for NVIDIA's, AMD's and Intel's
  GPUs, and free elsewhere; llama.cpp captures no graphs before Ampere, so that on older cards it is the host's.
* **Queues hide launches.** The 15 us of Arc cards are a launch that is waited for. OpenVINO queues a pass ahead of the
  GPU, which leaves what lies between kernels of a queue, taken as on other GPUs. Where the rows of its publisher are
  left out, small models on Panther Lake were forecast 2.3 times too slow and large ones right, which asked for it; the
  number is not of those rows.
* **A program of an NPU is many layers**, not an operator: QAIRT's and RKLLM's models are compiled to a few.
* **It has a length.** QAIRT's programs are compiled for a context (`graph_tokens`, 4096 where nothing else is said),
  all of which every pass attends, filled or not: the publisher's 4096 tokens take exactly 32 times what 128 do, and
  models whose heads all have keys of their own were forecast half as slow as they decode.
* **Scores in memory are made one by one on cards without matrix units.** ggml's kernel gives a warp to each score of a
  single query (`score_work_apart`). With one bandwidth for both, a GTX 1050 at 1800 tokens was forecast at half and a
  P40 without context at 1.5 times the measured time. Its prior (1600) is a rough count of
  latencies, made with such rows in view, and the fit's value 1450; with their publisher left out, decode of these cards
  is 18 % off (34 % before).

**Builds.** What a program was before a date is an engine of its own (`conf/alias/engine.yaml`; `engine.year=2024`
chooses it). Within an engine no drift with years is confirmed: over the rows of 0.9 to 2.6 years that sources left out
have, ln(forecast / measured) moved (with constants of November 2026) by -8 (llama.cpp Metal), 1 (Vulkan) and 13 % a
year (HIP) in decode, each within twice its standard error, and by -14 % (error 4) for Metal of 2024, whose newer rows
are of other laptops. So a year changes no constant; a build more than a quarter of a year newer than any row has a
wider interval, which rows ask for.

Short prompts do not tell what attention reaches. Where its constants could go anywhere, whatever else short prompts
take was put on them, and without rows of more than 4096 tokens long prompts were forecast 2.5 times too slow. Now
kernel timings say what a class reaches, and how much an engine may differ (`ATTENTION_SPREAD` of
`scripts/fit_priors.py`).

"""

KERNELS = """## Single kernels

How far times of a kernel alone are off the law that operators follow (`scripts/fit_kernels.py`, which prints the
numbers of each; tables of vLLM and PyTorch on four devices). Devices left out have the mean of the other devices'
numbers. Of a device count its rates, bandwidth, dispatch, multiprocessors and last-level cache; the dispatch of the
Arc card was itself read from its kernels. Beside FLOP and bytes, attention takes what its longest block does (the last
queries of a prompt, or a context that blocks do not share), 20 to 40 ns for each block whatever it reads, and the
launch, which hides the kernel where no graph is captured; a context that stays in the cache while a kernel is repeated
takes less. Forecasts of requests have the FLOP and bytes of these kernels, without their blocks.

"""

HELP = """## What would help most

`life-jax validate FILE` prints how far off forecasts of your own measurements are, and a row ready to share;
`share=ROWS.csv` writes all of them as a table, whatever tool wrote FILE. In this order:

1. Any second publisher of RDNA4, Panther Lake, RK3588, or of the RTX 3090 under exllamav3 or vLLM: there is one
   source each today, whose unit is the class.
2. Radeon cards under HIP and Vulkan at depth 0 to 64k, with grouped queries, and mixtures of experts at ubatch 512
   and 2048: attention and experts differ by card and build.
3. Servers (x86 with AMX, Arm with I8MM) under llama.cpp of 2026, by threads and batch: all rows are of builds of
   2024.
4. GeForce cards before RTX 20: decode reaches 30 to 80 % of their bandwidth, by card.
5. vLLM V1, SGLang and TensorRT-LLM 1.x on data-centre cards, static batches of 1 to 256: rows are of 2024.
6. Apple silicon with and without fan, M4 and M5: laptops of one chip differ by more than the forecast.
"""
