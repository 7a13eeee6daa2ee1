// Identity of token content, the ground truth that prefix caches look things up by.
// A content is the first `shared` tokens of its source followed by tokens of its own (the rest of
// the prompt, then the output). Everything is kept in whole KV blocks: a block that mixes shared
// and own tokens belongs to the newer content, as block-hashed caches would see it.
// Tests: tests/unit/sim/engine/content_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hexagent::sim {

using ContentId = int32_t;
inline constexpr ContentId kNoContent = -1;

class ContentTree {
 public:
  explicit ContentTree(int64_t block_tokens);

  // Adds a content of `total_tokens` whose first `shared_tokens` are those of `source`.
  // `source` may be kNoContent, then `shared_tokens` is 0. Throws std::logic_error when more is
  // shared than either of the two holds.
  ContentId add(ContentId source, int64_t shared_tokens, int64_t total_tokens);

  int64_t block_tokens() const { return block_tokens_; }
  int32_t count() const { return static_cast<int32_t>(nodes_.size()); }

  // The content whose blocks come before this one's own, kNoContent at a root.
  ContentId parent(ContentId content) const { return node(content).parent; }
  // Index of the first block that is this content's own; less than that belongs to the path above.
  int32_t first_block(ContentId content) const { return node(content).first_block; }
  int64_t total_tokens(ContentId content) const { return node(content).total_tokens; }
  // Whole blocks only: a partly filled last block is never shared.
  int32_t full_blocks(ContentId content) const {
    return static_cast<int32_t>(node(content).total_tokens / block_tokens_);
  }
  // Blocks that `tokens` tokens occupy, the partly filled last one included.
  int64_t blocks_for(int64_t tokens) const { return (tokens + block_tokens_ - 1) / block_tokens_; }

 private:
  struct Node {
    ContentId parent = kNoContent;
    int32_t first_block = 0;
    int64_t total_tokens = 0;
  };
  const Node& node(ContentId content) const { return nodes_[static_cast<size_t>(content)]; }

  int64_t block_tokens_;
  std::vector<Node> nodes_;
};

}  // namespace hexagent::sim
