#pragma once
// Handlers for std::visit, one for each alternative of a variant: std::visit(Overloaded{[](const A&) {...}, [](const B&) {...}}, v).

namespace fedspend {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace fedspend
