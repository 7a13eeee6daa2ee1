// A profile folder written for one test and removed with it: two GPUs, two models, one measured
// pair. Files can be replaced to provoke errors.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace hexagent::sim {

class ProfileFolder {
 public:
  ProfileFolder() {
    char path[] = "/tmp/hexagent-profiles-XXXXXX";
    folder_ = mkdtemp(path);
    for (const auto& [name, text] : default_files()) write(name, text);
  }
  ~ProfileFolder() { std::filesystem::remove_all(folder_); }
  ProfileFolder(const ProfileFolder&) = delete;
  ProfileFolder& operator=(const ProfileFolder&) = delete;

  const std::string& path() const { return folder_; }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }
  // Replaces the first `from` in a file, which must be there.
  void replace(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = default_files().at(name);
    text.replace(text.find(from), from.size(), to);
    write(name, text);
  }

 private:
  static std::map<std::string, std::string> default_files() {
    return {
        {"profiles.json",
         R"({"kv_capacity":{"nccl_bytes":{"1":0,"2":1073741824}},"entries":[{)"
         R"("model":"m","gpu":"G","tensor_parallel":1,)"
         R"("prefill":{"a0_s":0.004,"a1_s_per_new_token":0.00008,"a2_s_per_pair":4e-9,)"
         R"("small_below_tokens":512,"small_a0_s":0.008,"small_a1_s_per_new_token":0.00006,)"
         R"("fit_error":{"all":{"p95_rel":0.02}}},)"
         R"("decode":{"b0_s":0.012,"b1_s_per_seq":0.00004,"b2_s_per_ctx_token":1e-7,)"
         R"("fit_error":{"p95_rel":0.08}},)"
         R"("kv_bytes_per_token":131072,"kv_capacity_tokens":400000}]})"},
        {"models.csv",
         "model,params,layers,hidden,query_heads,kv_heads,head_dim,weight_bytes,"
         "kv_bytes_per_token,max_context_tokens\n"
         "m,8e+09,32,4096,32,8,128,1.6e+10,131072,131072\n"
         "twice,1.6e+10,64,4096,32,8,128,3.2e+10,262144,65536\n"
         "huge,1e+12,64,4096,32,8,128,2e+12,262144,65536\n"},
        {"hardware.csv",
         "gpu,peak_dense_bf16_tflops,hbm_gb_per_s,device_bytes_reported\n"
         "G,300,2000,85899345920\n"
         "F,900,4000,85899345920\n"},
        {"prefill.csv",
         "model,gpu,tensor_parallel,prompt_new_tokens,cached_tokens,batch,prefill_ms,"
         "of_which_attention_ms\n"
         "m,G,1,128,0,1,13.5,0.5\n"},
        {"decode.csv",
         "model,gpu,tensor_parallel,context_tokens_per_request,batch,decode_iter_ms,"
         "of_which_attention_ms\n"
         "m,G,1,128,1,11,1\n"},
    };
  }

  std::string folder_;
};

}  // namespace hexagent::sim
