// Tree of shared token content in whole blocks; see content.h.
// Tests: tests/unit/sim/engine/content_test.cc
#include "sim/engine/content.h"

#include <limits>
#include <stdexcept>

namespace hexagent::sim {

ContentTree::ContentTree(int64_t block_tokens) : block_tokens_(block_tokens) {
  if (block_tokens < 1) throw std::logic_error("content: block_tokens must be at least 1");
}

ContentId ContentTree::add(ContentId source, int64_t shared_tokens, int64_t total_tokens) {
  if (source < kNoContent || source >= count()) throw std::logic_error("content: unknown source");
  if (shared_tokens < 0 || shared_tokens > total_tokens) {
    throw std::logic_error("content: shared tokens must lie between 0 and the total");
  }
  const int64_t source_tokens = source == kNoContent ? 0 : this->total_tokens(source);
  if (shared_tokens > source_tokens) {
    throw std::logic_error("content: more tokens shared than the source holds");
  }
  if (total_tokens / block_tokens_ > std::numeric_limits<int32_t>::max()) {
    throw std::logic_error("content: too many tokens");
  }
  const auto first_block = static_cast<int32_t>(shared_tokens / block_tokens_);
  // Hang the new content below the one that owns its last shared block. Otherwise a chain of calls
  // sharing one system prompt would be walked in full although only its root is shared.
  ContentId parent = source;
  while (parent != kNoContent && first_block <= node(parent).first_block) {
    parent = node(parent).parent;
  }
  nodes_.push_back(Node{parent, first_block, total_tokens});
  return count() - 1;
}

}  // namespace hexagent::sim
