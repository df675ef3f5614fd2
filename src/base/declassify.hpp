// The one place where something about a secret becomes public: the outcome of a comparison, not what was compared.
#pragma once

namespace postern {

/// `verdict` itself. Its caller says that everybody may learn it. A test that follows secrets through the program (tests/memcheck)
/// puts its own function in this one's place and stops following there.
[[nodiscard]] bool declassify(bool verdict) noexcept;

}  // namespace postern
