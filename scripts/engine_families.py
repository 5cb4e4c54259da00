"""Families of engines: programs and backends whose builds share kernels; a constant of one tells of the others."""

FAMILIES = {
    "llama_cpp_cuda": ("llama_cpp_cuda", "llama_cpp_cuda_2025", "llama_cpp_cuda_2024"),
    "llama_cpp_hip": ("llama_cpp_hip", "llama_cpp_hip_tile", "llama_cpp_hipblas", "llama_cpp_hipblas_2025"),
    "llama_cpp_vulkan": ("llama_cpp_vulkan", "llama_cpp_vulkan_amdvlk", "llama_cpp_opencl"),
    "llama_cpp_metal": ("llama_cpp_metal", "llama_cpp_metal_2024"),
    "llama_cpp_cpu": (
        "llama_cpp_cpu",
        "llama_cpp_cpu_2024",
        "ik_llama_cpp",
        "t_mac",
        "llama_cpp_ampere",
        "llama_cpp_ampere_2024",
    ),
    "vllm": ("vllm", "vllm_2024", "vllm_2023", "vllm_intel", "tgis"),
    "tensorrt_llm": ("tensorrt_llm_2024", "faster_transformer", "lmdeploy", "megatron"),
    "deepspeed": ("deepspeed", "deepspeed_gaudi"),
    "pytorch": ("hf_eager", "hf_eager_cpu", "gpt_fast"),
    "four_bit": ("exllama", "exllamav3", "tinychat", "mlc_llm"),
    "mlx": ("mlx",),
    "openvino": ("openvino", "openvino_2024"),
    "npu": ("fastflowlm", "qairt", "rkllm"),
    "mobile": ("litert_lm", "executorch"),
}
FAMILY_OF = {engine: family for family, engines in FAMILIES.items() for engine in engines}
