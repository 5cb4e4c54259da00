"""What --help of each command prints, and the list of commands: at most 25 lines of 80 characters."""

from collections.abc import Iterable

MOST_LINES, WIDEST = 25, 80

SAME_WORDS = "Words are those of sweep (life-jax sweep --help)"
MORE = """Names: life-jax catalog hw|model|opt|engine|metric|axis|study|workload|cost
More:  --cfg job (what words mean), --hydra-help (every key), --config-dir DIR"""

HELP = {
    "sweep": f"""life-jax sweep: forecasts over a grid, as a netCDF file and a short table

  life-jax sweep hw=v100 opt=int4
  life-jax sweep 'hw=[v100,h100_sxm]' model=llama3_8b 'axes.batch=[1,8,64]'
  life-jax sweep hw=class:laptop opt=q4_k_m batch=1 prompt=512 sort=-tps top=9

hw= model=         a name or [names]: ours, a driver's, a hub's, Ollama's;
                   all, h100*, class:laptop, here; a config.json or .gguf
opt= engine=       [int4,kv8]: one stack of options; software, or auto
batch= prompt= output= context= tp= rate=    numbers; others SECTION.KEY=VALUE
axes.KEY=          [1,8], geomspace(a,b,n), linspace, arange, of any number;
                   axes.opt=[[],[int4]] and axes.engine=[...] compare
metrics=[...]      what is forecast; elasticity=true: what it depends on
sort= top= rows=   which rows are shown; format=json|csv|md, out=NAME.nc|.csv
pareto= best=      designs worth having; limit.METRIC=, by=[hw], free=[batch]
plot=              heatmap, front, devices, tornado, roofline, operators,
                   interval, report; at.KEY= picks the point that is drawn
study=NAME         a ready-made question; sample=, shard=, lazy=, executor=
{MORE}
""",
    "merge": f"""life-jax merge: joins the shards of a sweep to the file of a single process

  life-jax sweep hw=v100 'axes.batch=arange(1,65,1)' shard=1/8 out=big.nc
  life-jax merge hw=v100 'axes.batch=arange(1,65,1)' out=big.nc

The words of the sweep without shard=; shards lie beside the result and stay.
{SAME_WORDS}.
{MORE}
""",
    "explain": f"""life-jax explain: where the time of one scenario goes, operator by operator

  life-jax explain hw=v100 model=llama3_8b opt=int4 prompt=2048
  life-jax explain hw=h100_sxm model=llama3_70b engine=vllm tp=4 format=json

One model, one device and one stack, no axes. format=json prints one object.
{SAME_WORDS}.
{MORE}
""",
    "design": f"""life-jax design: the cheapest design that meets targets

  life-jax design hw=h100_sxm model=llama3_8b target.ttft=0.2 target.tpot=0.005
  life-jax design hw=v100 target.tpot=0.01 'free=[bandwidth_gb_per_s,batch]'
  life-jax design hw=h100_sxm engine=vllm rate=6 target.ttft_p99=0.5

target.METRIC=     at most, or at least where more is better; the memory must
                   do unless target.fits_memory=false
free=[KEY,...]     numbers that may change: rate, bandwidth and memory of the
                   device unless said; range.KEY=[LOW,HIGH] within which
minimize=METRIC    price unless said, energy_per_token, cost_per_mtoken, power
format=json        one object
One workload, no axes. {SAME_WORDS}.
{MORE}
""",
    "serve": f"""life-jax serve: what requests see under load, and what the engine serves

  life-jax serve hw=h100_sxm model=llama3_8b engine=vllm rate=8
  life-jax serve hw=h100_sxm concurrency=64 'prompt=lognormal(1024,1)'

rate= concurrency= requests per second, or kept up; or load.trace=FILE.csv with
                   arrival_s, input_tokens, output_tokens, cached_tokens
prompt= output=    tokens: N, [N,M], [[N,0.3],[M,0.7]] or lognormal(MEAN,CV)
load.burst=CV      of the gaps between arrivals; load.cached=0.4: part of a
                   prompt that a prefix cache holds
load.protocol=     steady, or benchmark(REQUESTS) from an empty engine
target.ttft= target.tpot=   seconds that good requests keep within, of
                   target.percentile=90 %: adds goodput and max_rate
method=            formula (the steady state), or simulate (each request; seed=)
engine.token_budget= engine.max_sequences=   of a step, at most
axes.rate=[1,2,4]  a table and a file over it, as sweep does; format=json
{SAME_WORDS}.
{MORE}
""",
    "explore": f"""life-jax explore: forecasts as a page in the browser, with sliders

  life-jax explore
  life-jax explore 'hw=[v100,a100]' model=llama3_8b batch=8

Prints an address of this machine that nobody else can open; Ctrl-C ends it.
port=8123          that port, else any that is free
open=true          opens the browser
The page begins with the other words.
{SAME_WORDS}.
Needs pip install 'life_jax[explore]'.
""",
    "plan": f"""life-jax plan: what should I run? Designs that meet targets, cheapest first

  life-jax plan model=llama3_1_8b hw=here
  life-jax plan model=llama3_1_8b 'hw=[l4,l40s,h100_sxm]' rate=8 target.ttft=1
  life-jax plan model=llama3_1_70b hw=class:gpu_consumer target.tpot=0.05

hw= model= opt= engine=   as in sweep; all devices, engine=auto and the usual
                   formats unless said; devices=1..8 of each
rate= concurrency= prompt= output=   requests as in serve; without a rate one
                   user, whose batch is 1
target.ttft= target.tpot= target.e2e=   seconds at most, of
                   target.percentile=90 % of the requests
quality=0.98       of the model's likelihood that is kept at least
budget.usd= budget.usd_per_hour= budget.watt=   at most
confidence=0.8     targets are met at this end of the forecast's interval
minimize=price     what rows are ordered by, or a list; top=20 of them printed
write=DIR          launch scripts of each; format=json|csv|md, out=
{MORE}
""",
    "catalog": """life-jax catalog: what there is, one line on each

  life-jax catalog                what kinds there are
  life-jax catalog hw apple       devices whose line or names have a word
  life-jax catalog engine         software: where it runs, how far it is off
  life-jax catalog axis batch     numbers that can be swept

Kinds: hw, model, opt, engine, cost, workload, study, metric, axis
format=json|csv|md prints all columns; --config-dir DIR has files of your own.
""",
    "validate": """life-jax validate: forecasts beside measurements, and how far they are off

  life-jax validate examples/llama_bench.json hw=rtx_4090
  life-jax validate measurements.csv out=forecasts.csv plot=parity.png

FILE               what llama-bench, vLLM, SGLang, GuideLLM, GenAI-Perf, AIPerf
                   wrote, what MLX and Ollama print, or a table with hardware,
                   model, weight_format, engine, batch, prompt_tokens,
                   output_tokens, metric, value (ttft_s, decode_tok_s, ...)
hw= model= engine= opt=      hold for every row, whatever the file says
batch= prompt= output=       hold where the file does not say
concurrency=       goes with GenAI-Perf's CSV; overwrite=true replaces out=
canonical, kv_dtype, tp, ctx_depth, ubatch, threads: columns that are read, too
""",
    "calibrate": """life-jax calibrate: constants of one machine, from a few measurements of it

  life-jax calibrate examples/llama_bench.json hw=rtx_4090 engine=llama.cpp
  life-jax sweep hw=rtx_4090 engine=rtx_4090_llama_cpp_cuda.yaml

FILE               what life-jax validate reads; every row counts as measured
                   on hw= under engine=, whatever it says
model= opt= batch= prompt= output= concurrency=    what the file does not say
out=               HW_ENGINE.yaml unless said; engine=FILE.yaml takes it
""",
}

ABOUT = {
    "sweep": "forecasts over a grid: a table and a netCDF file",
    "explain": "where the time of one scenario goes, operator by operator",
    "serve": "what requests see under load, by percentile",
    "plan": "what to run: designs that meet targets, the cheapest first",
    "design": "the cheapest design that meets targets",
    "explore": "forecasts as a page in the browser, with sliders",
    "catalog": "devices, models, options, engines, metrics, axes",
    "validate": "forecasts beside your measurements",
    "calibrate": "an engine's constants from your measurements",
    "merge": "the shards of a sweep in one file",
}


def commands(names: Iterable[str], about: dict[str, str]) -> str:
    """The list of commands.

    names: of all commands. about: what those do that are not in ABOUT.
    """
    ordered = [*(name for name in ABOUT if name in set(names)), *(name for name in names if name not in ABOUT)]
    lines = [f"  {name:<11}{ABOUT.get(name) or about[name]}" for name in ordered]
    return "\n".join([
        "How fast will a language model run on a device that nobody has benchmarked?", "",
        "  life-jax sweep hw=v100 opt=int4", "  life-jax sweep hw=here model=qwen3_8b engine=auto",
        "  life-jax explain hw=h100_sxm model=llama3_8b prompt=2048", "",
        "life-jax COMMAND, or python -m life_jax COMMAND:", *lines, "",
        "life-jax COMMAND --help says more, life-jax catalog lists names.",
        'Tab completion: eval "$(life-jax -sc install=bash)" (zsh, fish)',
    ])  # fmt: skip
