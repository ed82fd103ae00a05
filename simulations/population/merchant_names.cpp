#include "simulations/population/merchant_names.h"

#include <array>

namespace fedspend::simulations {
namespace {

using Words = std::span<const std::string_view>;
using Text = std::string_view;

constexpr Text kEmployers[] = {"Meridian Works", "Lumen Software", "Harbour Logistics", "Nordtal Hospital", "Quarry & Sons", "City Schools", "Halden Steel", "Verity Care", "Osprey Freight",
                               "Tessel Media", "Grainfield Mills", "Union Transit", "Larkspur Retail", "Borealis Labs", "Castor Insurance", "State Payroll", "Pinnacle Build", "Seaward Hotels"};
constexpr Text kPensions[] = {"National Pension Office", "Civil Service Pensions", "Miners Pension Fund"};
constexpr Text kBenefits[] = {"Employment Office", "Family Benefits Office", "Student Grants Office"};
constexpr Text kClients[] = {"Tessel Media", "Borealis Labs", "Brand Alders", "Kestrel Studio", "Opal Events", "Northlight Press", "Fennimore", "Ridge Consulting", "Tandem Agency"};
constexpr Text kFamily[] = {"Parents", "Family transfer"};
constexpr Text kLandlords[] = {"Brickfield Lettings", "Old Town Housing", "Homestead Coop", "Keystone Property", "Gable Estates", "Municipal Housing"};
constexpr Text kMortgages[] = {"First Mutual Mortgages", "Cornerstone Home Loans", "Landbank Mortgage"};
constexpr Text kElectricity[] = {"Brightgrid Energy", "Nordvolt Power", "Windhof Strom", "Ampere Direct"};
constexpr Text kHeating[] = {"Hearth Gas", "District Heat", "Calora"};
constexpr Text kWater[] = {"Water Board"};
constexpr Text kInternet[] = {"Fibrenet", "Cablewave", "Swiftline"};
constexpr Text kMobile[] = {"Telora", "Mobi Nova", "Airtalk", "Zipcell"};
constexpr Text kCouncil[] = {"Town Treasury"};
constexpr Text kInsurers[] = {"Shield Mutual", "Castor Insurance", "Halcyon Life", "Bastion Cover", "Autoguard"};
constexpr Text kLenders[] = {"Motor Credit", "Crescent Finance", "Easyloan", "Student Loans Office"};
constexpr Text kSavers[] = {"Savings account", "Harbour Invest", "Oak Funds"};
constexpr Text kTaxes[] = {"Revenue Office"};
constexpr Text kCharities[] = {"Lifeboat Fund", "Wildwood Trust", "Open Kitchen", "Doctors Afield"};
constexpr Text kChildcare[] = {"Little Oaks", "Sunflower Nursery", "Kinderhaus"};
constexpr Text kStreaming[] = {"Flickerbox", "Viewtopia", "Cinevault", "Sportsbeam"};
constexpr Text kMusic[] = {"Tunewave", "Melodia", "Soundnest"};
constexpr Text kNews[] = {"The Daily Ledger", "Evening Courier", "Northern Post"};
constexpr Text kGyms[] = {"Iron Works Gym", "Fitloft", "Pulse Club", "Bodyyard"};
constexpr Text kSoftware[] = {"Cloudpocket", "Draftly", "Keysafe", "Ledgerly", "Pixelforge"};
constexpr Text kFees[] = {"Account fee", "Foreign use fee", "Overdraft interest"};
constexpr Text kCash[] = {"ATM First Mutual", "ATM Landbank", "Cashpoint", "Euronode ATM"};

constexpr Text kGroceries[] = {"Greenfield Market", "Daily Basket", "Hillside Foods", "Pennymart", "Kornblum", "Fresco Nord", "Tiller's", "Bonafood"};
constexpr Text kGroceryWords[] = {"Market", "Foods", "Supermarket", "Grocers", "Organic", "Asia Market"};
constexpr Text kConvenience[] = {"Late Shop", "Kwik Corner", "Nightowl Express", "Station Mini"};
constexpr Text kConvenienceWords[] = {"Kiosk", "Newsagent", "Minimarket", "Tobacco", "Off Licence"};
constexpr Text kBakeries[] = {"Ofenfrisch", "Crumb & Co", "Goldkorn", "Le Petit Four"};
constexpr Text kBakeryWords[] = {"Bakery", "Patisserie", "Bread", "Baeckerei", "Pastries"};
constexpr Text kDrugstores[] = {"Rosenblatt Drogerie", "Pure & Daily", "Drogeria", "Careplus"};
constexpr Text kDrugstoreWords[] = {"Drugstore", "Perfumery"};
constexpr Text kPharmacies[] = {"Apovita", "Medora Pharmacy"};
constexpr Text kPharmacyWords[] = {"Pharmacy", "Apotheke", "Chemist"};
constexpr Text kHealth[] = {"Clarion Optics", "Dentaline", "Physio Nova"};
constexpr Text kHealthWords[] = {"Family Practice", "Dental", "Dr Med", "Physiotherapy", "Optician", "Clinic", "Eye Care"};
constexpr Text kCoffee[] = {"Cafe Luna", "The Roastery", "Bean & Leaf", "Moka Stop", "Brewline"};
constexpr Text kCoffeeWords[] = {"Cafe", "Coffee", "Espresso", "Roasters", "Tea Room"};
constexpr Text kLunch[] = {"Noodle Bar", "Salad Corner", "Pita Point", "Soupwerk", "Canteen Services", "Wrapido"};
constexpr Text kLunchWords[] = {"Deli", "Canteen", "Kitchen", "Sandwich", "Sushi", "Falafel", "Lunchroom"};
constexpr Text kRestaurants[] = {"Vaporetta", "Steak Yard", "Bella Napule"};
constexpr Text kRestaurantWords[] = {"Trattoria", "Bistro", "Grill", "Restaurant", "Taverna", "Kitchen", "Osteria", "Brasserie", "Curry House", "Sushi", "Inn"};
constexpr Text kFastFood[] = {"Burgerette", "Chicken Shack", "Pizza Presto", "Kebab King", "Fry Brothers", "Taco Loco"};
constexpr Text kFastFoodWords[] = {"Kebab", "Pizza", "Snack", "Grill", "Burger", "Chips"};
constexpr Text kDelivery[] = {"Foodrunner", "Dishdash", "Yumway", "Bringbox"};
constexpr Text kDeliveryWords[] = {"Pizza Service", "Delivery"};
constexpr Text kBars[] = {"Brewhouse 21", "Tapas y Mas"};
constexpr Text kBarWords[] = {"Bar", "Pub", "Tap", "Lounge", "Club", "Wine Bar"};
constexpr Text kTransport[] = {"Metro Line", "City Bus", "Citymove App", "Regio Verkehr"};
constexpr Text kTransportWords[] = {"Transit", "Buses", "Ticket Machine"};
constexpr Text kFuel[] = {"Roadside Fuel", "Fastlane Petrol", "Junction Services", "Petrola", "Volta Charge"};
constexpr Text kFuelWords[] = {"Garage", "Service Station", "Tankstelle", "Autohof"};
constexpr Text kParking[] = {"Central Car Park", "Parkwise", "Parkeasy Go", "Q-Garage"};
constexpr Text kParkingWords[] = {"Parking", "Car Park", "Parkhaus"};
constexpr Text kTaxis[] = {"Rapid Cabs", "Hoppa Rides", "Liftly"};
constexpr Text kTaxiWords[] = {"Taxi", "Cabs", "Funktaxi"};
constexpr Text kCarRepair[] = {"Tyre Express", "Autofix", "Clearview Glass"};
constexpr Text kCarRepairWords[] = {"Motors", "Autohaus", "Garage", "Car Wash", "Tyres"};
constexpr Text kTrains[] = {"Coast Rail", "Intercity Rail", "Northern Trains"};
constexpr Text kFlights[] = {"Skyway Air", "Blue Heron Air", "Jetaway", "Aerolia"};
constexpr Text kHotels[] = {"Bay View Hotels", "Stayinn", "Hotel Aldora", "Roomwise", "Nestaway Homes"};
constexpr Text kHotelWords[] = {"Hotel", "Pension", "Guesthouse", "Inn", "Apartments", "Resort"};
constexpr Text kCarRental[] = {"Wheelhouse Rent", "Autoloan Rental", "Sevenway Cars"};
constexpr Text kClothing[] = {"North Thread", "Urban Loom", "Shoe Barn", "Cotton Street", "Mode Nova", "Little Stitch", "Denim Dock", "Stride"};
constexpr Text kClothingWords[] = {"Fashion", "Boutique", "Shoes", "Mode", "Tailor", "Outlet", "Vintage"};
constexpr Text kElectronics[] = {"Volt House", "Pixel Point", "Gadget Bay", "Mediadrom"};
constexpr Text kElectronicsWords[] = {"Electronics", "Computers", "Phones", "Hifi"};
constexpr Text kHomeGarden[] = {"Oak & Nail", "Home Harbour", "Garden Gate", "Baumeister", "Handy Depot"};
constexpr Text kHomeGardenWords[] = {"Hardware", "Garden Centre", "Flowers", "Paints", "Nursery", "Tools"};
constexpr Text kFurniture[] = {"Wohnwelt", "Lagom Living", "Sofa Works"};
constexpr Text kFurnitureWords[] = {"Furniture", "Interiors", "Kitchens", "Carpets"};
constexpr Text kToys[] = {"Toy Castle", "Playbox", "Brick & Bear"};
constexpr Text kToyWords[] = {"Toys", "Models", "Playroom"};
constexpr Text kBooks[] = {"Pageturner", "Buchhof", "Inkwell"};
constexpr Text kBookWords[] = {"Books", "Bookshop", "Stationery", "Antiquariat"};
constexpr Text kCosmetics[] = {"Belle Vie", "Rosenblatt Drogerie", "Scentoria"};
constexpr Text kCosmeticWords[] = {"Beauty", "Cosmetics", "Nails", "Parfums"};
constexpr Text kSports[] = {"Summit Sports", "Velo Nord", "Runners Yard"};
constexpr Text kSportWords[] = {"Sports", "Cycles", "Outdoor", "Golf Club", "Riding School"};
constexpr Text kGifts[] = {"Paper & Ribbon", "Trinket Box"};
constexpr Text kGiftWords[] = {"Gifts", "Flowers", "Jewellers", "Ceramics", "Cards"};
constexpr Text kPets[] = {"Paws & Co", "Futterhaus Nord", "Tierwelt"};
constexpr Text kPetWords[] = {"Pet Shop", "Vet", "Tierarzt", "Aquaristics"};
constexpr Text kGames[] = {"Playforge", "Gamevault", "Pixelarena"};
constexpr Text kCinemas[] = {"Rex Pictures", "Cineplanet", "Astorix"};
constexpr Text kCinemaWords[] = {"Cinema", "Kino", "Filmhouse"};
constexpr Text kEvents[] = {"Ticketmill", "Seatline", "Eventa"};
constexpr Text kEventWords[] = {"Theatre", "Arena", "Concerts", "Museum", "Opera"};
constexpr Text kLeisure[] = {"Aquadome", "Bounceland", "Bowlarama"};
constexpr Text kLeisureWords[] = {"Zoo", "Swimming Pool", "Climbing", "Minigolf", "Boat Hire", "Park", "Sauna"};
constexpr Text kHairdressers[] = {"Cut Above", "Hairport", "Klipp Klapp"};
constexpr Text kHairdresserWords[] = {"Hair", "Barber", "Salon", "Friseur", "Coiffure"};
constexpr Text kLotteries[] = {"State Lottery", "Lucky Seven", "Winning Post"};
constexpr Text kPost[] = {"Post Office", "Parcelway"};
constexpr Text kPostWords[] = {"Post Agency", "Copyshop"};
constexpr Text kSchools[] = {"School Meals", "Classfund"};
constexpr Text kSchoolWords[] = {"School", "Music School", "Tutoring", "Dance School"};

constexpr std::array<Trade, kCategories> make_trades() {
  std::array<Trade, kCategories> trades{};
  const auto set = [&](Category category, Words chains, Words words = {}, std::uint16_t chain_in_thousand = 1000, std::uint8_t shops = 0) {
    trades[index_of(category)] = {.chains = chains, .words = words, .chain_in_thousand = chain_in_thousand, .shops_in_small_town = shops};
  };
  using enum Category;
  set(salary, kEmployers), set(pension, kPensions), set(benefits, kBenefits), set(freelance_income, kClients), set(family_support, kFamily);
  set(rent, kLandlords), set(mortgage, kMortgages), set(electricity, kElectricity), set(heating, kHeating), set(water, kWater), set(internet, kInternet);
  set(mobile_phone, kMobile), set(property_tax, kCouncil), set(insurance, kInsurers), set(loan, kLenders), set(savings, kSavers), set(taxes, kTaxes);
  set(donations, kCharities), set(childcare, kChildcare), set(streaming, kStreaming), set(music, kMusic), set(news, kNews), set(gym, kGyms), set(software, kSoftware);
  set(bank_fees, kFees), set(cash, kCash);
  set(groceries, kGroceries, kGroceryWords, 850, 3), set(convenience, kConvenience, kConvenienceWords, 350, 5), set(bakery, kBakeries, kBakeryWords, 350, 5);
  set(drugstore, kDrugstores, kDrugstoreWords, 850, 1), set(pharmacy, kPharmacies, kPharmacyWords, 200, 3), set(health, kHealth, kHealthWords, 120, 8);
  set(coffee, kCoffee, kCoffeeWords, 400, 6), set(lunch, kLunch, kLunchWords, 450, 8), set(restaurant, kRestaurants, kRestaurantWords, 120, 16);
  set(fast_food, kFastFood, kFastFoodWords, 550, 6), set(delivery, kDelivery, kDeliveryWords, 850, 2), set(bar, kBars, kBarWords, 100, 8);
  set(public_transport, kTransport, kTransportWords, 850, 1), set(fuel, kFuel, kFuelWords, 750, 2), set(parking, kParking, kParkingWords, 650, 3);
  set(taxi, kTaxis, kTaxiWords, 600, 3), set(car_repair, kCarRepair, kCarRepairWords, 250, 4), set(trains, kTrains), set(flights, kFlights);
  set(hotel, kHotels, kHotelWords, 450, 4), set(car_rental, kCarRental);
  set(clothing, kClothing, kClothingWords, 650, 6), set(electronics, kElectronics, kElectronicsWords, 700, 2), set(home_garden, kHomeGarden, kHomeGardenWords, 600, 4);
  set(furniture, kFurniture, kFurnitureWords, 600, 2), set(toys, kToys, kToyWords, 600, 1), set(books, kBooks, kBookWords, 450, 2);
  set(cosmetics, kCosmetics, kCosmeticWords, 450, 3), set(sports, kSports, kSportWords, 500, 3), set(gifts, kGifts, kGiftWords, 250, 4);
  set(pets, kPets, kPetWords, 550, 2), set(games, kGames), set(cinema, kCinemas, kCinemaWords, 600, 1), set(events, kEvents, kEventWords, 500, 3);
  set(leisure, kLeisure, kLeisureWords, 250, 5), set(hairdresser, kHairdressers, kHairdresserWords, 250, 6), set(lottery, kLotteries), set(post, kPost, kPostWords, 800, 1);
  set(school, kSchools, kSchoolWords, 450, 2);
  return trades;
}

constexpr Text kDepartmentStores[] = {"Galerie Brandt", "Marchant & Lowe", "Kaufring Central"};
constexpr Text kMarketplaces[] = {"Everymart Mktp", "Everything Online", "Zorro Sellers", "Tradeyard"};
constexpr Text kSigns[] = {"Golden", "Blue", "Old", "Red", "Little", "Silver", "Black", "Green", "White", "Lucky", "Royal", "Wild", "Happy", "Grand", "Quiet", "Crooked"};
constexpr Text kThings[] = {"Lantern", "Anchor", "Fox", "Lion", "Wok", "Olive", "Door", "Garden", "Mill", "Crown", "Bridge", "Swan", "Barrel", "Corner", "Star", "Goose", "Oak", "Harbour", "Tower", "Pearl"};
constexpr Text kSurnameBeginnings[] = {"Al", "Bro", "Cas", "Dor", "El", "Fen", "Gar", "Hol", "Iv", "Jor", "Kel", "Lan", "Mor", "Nor", "Os", "Pel", "Quin", "Ros", "Sto", "Tam", "Ul", "Var", "Wen", "Yar", "Zel"};
constexpr Text kSurnameEnds[] = {"mer", "nski", "tell", "ano", "berg", "wick", "strom", "ley", "ova", "etti", "sson", "quist", "haus", "field", "akis", "oglu", "enko", "ez", "ard", "ini"};

}  // namespace

const Trade& trade_of(Category category) {
  static constexpr auto trades = make_trades();
  return trades[index_of(category)];
}

Words department_stores() { return kDepartmentStores; }
Words marketplaces() { return kMarketplaces; }
Words signs() { return kSigns; }
Words things() { return kThings; }
Words surname_beginnings() { return kSurnameBeginnings; }
Words surname_ends() { return kSurnameEnds; }

}  // namespace fedspend::simulations
