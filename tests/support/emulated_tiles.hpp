#pragma once

/// @file
/// The instructions of AMX that our kernel uses, on processors that lack them.
///
/// There they are illegal, and the signal's handler does in software what they would have done. So
/// the very kernel that runs on a processor with AMX is tested on others.

#if defined(__x86_64__)

#include <csignal>

namespace wishart::test {

/// Emulates the tiles of this thread while it lives. On a processor that has tiles, the handler is
/// never called.
class EmulatedTiles {
public:
  EmulatedTiles();
  ~EmulatedTiles();
  EmulatedTiles(const EmulatedTiles&) = delete;
  EmulatedTiles& operator=(const EmulatedTiles&) = delete;

private:
  struct sigaction before_ {};
};

}  // namespace wishart::test

#endif
