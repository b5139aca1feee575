// SPDX-License-Identifier: GPL-2.0
/*
 * The side of RDMA that asks: a region for each request that can be under way, registered for it
 * and announced with it, and what the peer must have done to it when the answer is here. Owned by a
 * task, one thread; errors are exceptions.
 */
#ifndef RDS_TOOLS_STRESS_OWNER_H
#define RDS_TOOLS_STRESS_OWNER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stress_memory.h"
#include "stress_message.h"
#include "stress_rdma.h"
#include "stress_socket.h"
#include "stress_stats.h"

namespace rds_tools::stress {

class rdma_owner {
public:
	rdma_owner(const shared_options &opt, const task_socket &socket, task_counters &counters,
		   bool count_keys)
	    : opt_(opt.rdma),
	      verify_(opt.verify),
	      socket_(socket),
	      counters_(counters),
	      slots_(std::size_t{opt.tasks} * opt.depth),
	      memory_(opt.rdma, slots_.size())
	{
		if (count_keys)
			meter_.emplace();
		for (std::size_t i = 0; opt_.cache_mrs && i < slots_.size(); i++)
			register_now(i);
	}

	/*
	 * What the next request says, and the control message that goes with it. May be called
	 * again and again until it has gone: with RDMA_MAP the kernel forgets the region when
	 * sendmsg fails, one of RDS_GET_MR is there to stay.
	 */
	rdma_part prepare(std::size_t number, std::uint64_t pattern, control_message &control)
	{
		slot &s = slots_[number];
		auto memory = memory_.slot(number);

		s.pattern = pattern;
		s.asked = {operation_of(opt_, turn_), address_of(memory.data()), 0, opt_.bytes,
			   opt_.vectors};
		if (verify_ && s.asked.op == rdma_operation::read)
			fill_vectors(memory, opt_, pattern, vector_order::straight);
		if (opt_.use_get_mr && !s.registered)
			register_now(number);
		if (s.registered) {
			s.asked.key = s.cookie;
			control.put(socket_.level(), RDS_CMSG_RDMA_DEST, s.cookie);
			return s.asked;
		}
		rds_get_mr_args map{};
		map.vec = {address_of(memory.data()), memory.size()};
		map.cookie_addr = address_of(&s.cookie);
		map.flags = region_flags();
		control.put(socket_.level(), RDS_CMSG_RDMA_MAP, map);
		return s.asked;
	}

	/* The request has gone. */
	void asked(std::size_t number)
	{
		turn_++;
		if (!slots_[number].registered)
			count(slots_[number].cookie);
	}

	/* The answer has come, and the region is the task's again. Empty, or what is wrong. */
	std::string answered(std::size_t number, const rdma_part &got)
	{
		slot &s = slots_[number];
		s.asked.key = s.cookie;
		if (got != s.asked)
			return "the answer is to another RDMA operation:" + describe(s.asked);
		bool read = s.asked.op == rdma_operation::read;
		task_counters::add(read ? counters_.rdma_out : counters_.rdma_in, opt_.total());
		if (verify_ && !read)
			if (auto at = vectors_differ(memory_.slot(number), opt_, s.pattern,
						     vector_order::straight))
				return "what the peer wrote differs at byte " + std::to_string(*at);
		release(s);
		return "";
	}

private:
	struct slot {
		rds_rdma_cookie_t cookie = 0;
		bool registered = false; /* by RDS_GET_MR */
		std::uint64_t pattern = 0;
		rdma_part asked;
	};

	std::uint64_t region_flags() const
	{
		return RDS_RDMA_READWRITE | (opt_.use_once ? RDS_RDMA_USE_ONCE : 0);
	}

	void register_now(std::size_t number)
	{
		slot &s = slots_[number];
		s.cookie = get_mr(socket_, memory_.slot(number), region_flags());
		s.registered = true;
		count(s.cookie);
	}

	/* One that was used once has been released by the answer itself. */
	void release(slot &s)
	{
		if (opt_.cache_mrs)
			return;
		if (!opt_.use_once)
			free_mr(socket_, s.cookie);
		s.registered = false;
	}

	void count(rds_rdma_cookie_t cookie)
	{
		task_counters::add(counters_.regions, 1);
		if (meter_ && meter_->is_new(cookie))
			task_counters::add(counters_.keys, 1);
	}

	const rdma_options &opt_;
	bool verify_;
	const task_socket &socket_;
	task_counters &counters_;
	std::vector<slot> slots_;
	rdma_memory memory_;
	std::optional<key_meter> meter_;
	std::uint64_t turn_ = 0;
};

} // namespace rds_tools::stress

#endif
