#pragma once
// The shops of the synthetic population and what their terminals print. A merchant is a few bytes that say which shop it is: a branch of
// a chain, one of the local shops of a town, a shop on the web, a department store or a marketplace (which sell many things, so that
// they do not tell the category), or the payee of a standing order. There is no list of shops: a local one's name follows from its
// town, category and number, so that hundreds of thousands cost no memory. All names are invented (merchant_names.cpp).
// The text is a card terminal's: capitals, the name cut at 22 characters, a branch number, town and country, or a payment
// processor's prefix (SQ *, SUMUP *, ZETTLE *, PAYPAL *) before a name that need not say what is sold. A merchant has its own form, and one
// transaction in eight shows it in another one; some marketplaces print a new order code every time. Pure functions of their arguments.

#include <cstdint>
#include <string>

#include "simulations/population/dice.h"
#include "simulations/population/spending.h"
#include "simulations/population/towns.h"

namespace fedspend::simulations {

enum class MerchantForm : std::uint8_t { chain, local, web, department_store, marketplace, payee };

struct Merchant {
  Category category = Category::groceries;  // what it is a shop for; what is bought there may be something else
  MerchantForm form = MerchantForm::local;
  Place place = 0;
  std::uint32_t number = 0;                 // of the chain, the local shop, the web shop or the payee
  std::uint64_t reference = 0;              // of a payee: the customer's contract, in the text; 0: none
  bool operator==(const Merchant&) const = default;
};

// A shop for the category in that place, small numbers (the well-known ones) more often; online_in_thousand: the chance that it is one of
// the web, a marketplace among them.
Merchant draw_merchant(Dice& dice, Category category, Place place, std::uint32_t online_in_thousand);
// Whom a standing order pays, or who pays a salary: one of a few of the country, or of the town (water, a landlord).
Merchant draw_payee(Dice& dice, Category category, Place place);

// What the statement shows, appended to `out`: at most 64 bytes. The dice choose between the merchant's forms.
void append_terminal_text(Dice& dice, const Merchant& merchant, std::string& out);

}  // namespace fedspend::simulations
