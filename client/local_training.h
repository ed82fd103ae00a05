#pragma once
// What happens between StartTraining and TrainingFinished: the rows that may be trained on are taken, eligibility is checked, the
// trainer runs. The same for the agent and for the simulator. The trainer belongs to the calling thread.

#include <span>
#include <stop_token>
#include <vector>

#include "client/session.h"
#include "models/history.h"
#include "models/trainer.h"

namespace fedspend::client {

// `rows`: the client's whole history in the plan's vocabulary, oldest first. The last rows (models::training_rows), held out for evaluation, are never
// looked at; of the others the newest training.max_rows are used. The trainer is given the learning rate of the round (training.schedule). A trainer that fails or is stopped is a decline.
//
// A training that diverges gives the zero update, which is masked and noised as any other (SECAGG.md, case 30): to decline would tell the
// coordinator, who chooses the weights, something about the rows of this one device. What a trainer may fail by otherwise must not depend on
// the rows.
TrainingFinished train_locally(models::Trainer& trainer, const StartTraining& start, std::span<const models::HistoryRow> rows, std::stop_token stop = {});

// A row without a category is neither input nor target, here as in the simulator.
std::vector<models::HistoryRow> history_rows(std::span<const models::Transaction> transactions, const ModelSpec& model);

// Whether a client with n rows in all takes part under this plan.
bool is_eligible(const Plan& plan, std::size_t rows);

}  // namespace fedspend::client
