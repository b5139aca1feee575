// SPDX-License-Identifier: GPL-2.0
/*
 * The two ends of one stream of messages each way: a task of ours and one of the peer's. Which
 * requests are under way, and which answers are due. Plain values, one thread; used by
 * stress_task.h.
 */
#ifndef RDS_TOOLS_STRESS_PAIR_H
#define RDS_TOOLS_STRESS_PAIR_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "endpoint.h"
#include "stress_message.h"

namespace rds_tools::stress {

using steady = std::chrono::steady_clock;

/* What of a request is needed for its answer. */
struct ack_due {
	std::uint16_t index = 0;
	std::uint64_t pattern = 0;
	rdma_part rdma;
};

class task_pair {
public:
	task_pair(const endpoint &peer, std::uint32_t depth, bool sends) : peer_(peer)
	{
		sent_at_.resize(sends ? depth : 0);
		for (std::uint32_t i = sends ? depth : 0; i--;)
			free_.push_back(static_cast<std::uint16_t>(i));
	}

	const endpoint &peer() const { return peer_; }
	bool congested = false;

	bool may_request() const { return !free_.empty(); }
	std::uint16_t next_index() const { return free_.back(); }
	void requested(steady::time_point when)
	{
		sent_at_[free_.back()].emplace(when);
		free_.pop_back();
	}

	/* The time the request took, if there was one of that index. */
	std::optional<steady::duration> answered(std::uint16_t index)
	{
		if (index >= sent_at_.size() || !sent_at_[index])
			return std::nullopt;
		auto took = steady::now() - *sent_at_[index];
		sent_at_[index].reset();
		free_.push_back(index);
		return took;
	}

	std::deque<ack_due> acks_due;
	std::uint32_t next_out = 0, next_in = 0;

private:
	endpoint peer_;
	std::vector<std::optional<steady::time_point>> sent_at_;
	std::vector<std::uint16_t> free_;
};

} // namespace rds_tools::stress

#endif
