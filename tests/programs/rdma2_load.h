// SPDX-License-Identifier: GPL-2.0
/*
 * The load of rds-rdma2: messages with reads and writes of all sizes, several under way, each judged by content when it
 * is told of, once. With --allow-dropped a connection may break under them: what is dropped is counted, and its bytes
 * are put right. With --renew the owner's device may go, and its regions with it. One thread.
 */
#ifndef TESTS_PROGRAMS_RDMA2_LOAD_H
#define TESTS_PROGRAMS_RDMA2_LOAD_H

#include <memory>

#include "rdma2_bench.h"

struct load_setting {
	std::uint64_t count = 200, seed = 1;
	std::size_t slots = 8, most = 65536;
	bool allow_dropped = false, renew = false, writes_only = false, fence = true;
	int timeout_ms = 30000;
};

class load {
public:
	load(peer &p, const load_setting &set) : peer_(p), set_(set), random_(set.seed)
	{
		for (std::size_t i = 0; i < set.slots; i++) {
			tracks_.emplace_back(p, set.most, random_() % page);
			if (!*tracks_.back().where)
				bad("no region");
		}
	}

	int run()
	{
		for (auto &t : tracks_)
			begin(t);
		while (!failed_ && done_ < begun_) {
			auto got = peer_.box().next_told(set_.timeout_ms);
			if (!got) {
				bad("no notification any more");
				break;
			}
			if (auto *t = whose(*got))
				finish(*t, got->status);
			progress();
		}
		if (!failed_ && (!peer_.flows() || peer_.box().next_told(300)))
			bad("a second notification, or no answer");
		return summary();
	}

private:
	struct track {
		track(peer &p, std::size_t bytes, std::size_t offset) : image(bytes)
		{
			renew(p, offset);
		}
		void renew(peer &p, std::size_t offset)
		{
			where.emplace(p, image.size(), offset);
			fill_pattern(image, 0);
		}
		std::optional<region> where;
		std::vector<std::uint8_t> image; /* what the owner's memory holds */
		std::unique_ptr<ranges> local;
		std::uint64_t token = 0;
		std::size_t from = 0;
		long id = 0;
		bool writing = false;
	};

	void bad(const char *why)
	{
		std::printf("# %s\n", why);
		std::fflush(stdout);
		failed_ = true;
		for (auto &t : tracks_)
			t.where->abandon();
	}

	void begin(track &t)
	{
		if (begun_ >= set_.count || failed_ || stale_)
			return;
		std::size_t len = 1 + random_() % set_.most;
		t.from = random_() % (set_.most - len + 1);
		t.writing = set_.writes_only || random_() % 2;
		t.token = peer_.next_token();
		t.local = std::make_unique<ranges>(len,
						   std::min<std::size_t>(1 + random_() % 8, len),
						   random_() % page,
						   static_cast<unsigned>(random_()));
		if (t.writing)
			t.local->fill(t.token);
		auto args = operation(*t.local, t.where->cookie(),
				      t.writing	   ? told_write
				      : set_.fence ? fenced_read
						   : told_read,
				      t.token, t.from);
		t.id = post(peer_, t.where->check(t.from, len), args);
		if (t.id < 0)
			return bad(("sendmsg: " + result_text(t.id)).c_str());
		begun_++;
	}

	track *whose(const notice &n)
	{
		for (auto &t : tracks_)
			if (t.local && t.token == n.token)
				return &t;
		bad("a notification of what is not under way");
		return nullptr;
	}

	std::span<std::uint8_t> part(track &t) const
	{
		return std::span(t.image).subspan(t.from, t.local->bytes());
	}

	void finish(track &t, int status)
	{
		done_++;
		statuses_[status]++;
		if (status == RDS_RDMA_SUCCESS)
			compare(t);
		else if (!set_.allow_dropped)
			bad("an operation failed");
		else
			repair(t);
		t.local.reset();
		if (!stale_)
			begin(t);
		else if (!under_way())
			renew();
	}

	bool under_way() const
	{
		return std::ranges::any_of(tracks_, [](const track &t) { return bool(t.local); });
	}

	/*
	 * All at once, when nothing is under way: the key of a region that went with its device may be that of
	 * another one on the next device.
	 */
	void renew()
	{
		stale_ = false;
		renewals_++;
		for (auto &t : tracks_) {
			t.renew(peer_, random_() % page);
			if (!*t.where)
				return bad("no region any more");
		}
		for (auto &t : tracks_)
			begin(t);
	}

	void compare(track &t)
	{
		if (t.writing)
			std::ranges::copy(t.local->gather(), part(t).begin());
		else if (!has_read(t))
			bad("a read brought other bytes");
		/* the message may be lost when its acknowledgement was: then we ask again */
		auto seen = peer_.await(t.id, set_.allow_dropped ? 3000 : set_.timeout_ms);
		if (!seen && set_.allow_dropped) {
			lost_++;
			seen = peer_.ask(t.where->check(t.from, t.local->bytes()));
		}
		if (!seen)
			bad("no answer");
		else if (!region::seen_well(*seen, sum_of(part(t))))
			bad("after an operation that is said to have been done");
	}

	/* Without a fence it may still be on its way when its message has arrived. */
	bool has_read(track &t) const
	{
		auto same = [&] { return std::ranges::equal(t.local->gather(), part(t)); };
		return (set_.fence ? same() : eventually(same)) && t.local->gaps_untouched();
	}

	/* It may have been done, in part or not at all. */
	void repair(track &t)
	{
		fill_pattern(t.image, t.token);
		if (!t.where->fill(t.token) || !t.where->is(t.token))
			bad("the bytes around a dropped operation");
		stale_ = set_.renew;
	}

	void progress()
	{
		if (shown_.ms() < 100)
			return;
		shown_ = {};
		std::printf("progress load messages=%llu\n",
			    static_cast<unsigned long long>(done_));
		std::fflush(stdout);
	}

	int summary()
	{
		std::printf("result load %s messages=%llu of %llu lost_messages=%llu",
			    failed_ ? "bad" : "ok", static_cast<unsigned long long>(done_),
			    static_cast<unsigned long long>(set_.count),
			    static_cast<unsigned long long>(lost_));
		for (auto [status, times] : statuses_)
			std::printf(" status.%d=%llu", status,
				    static_cast<unsigned long long>(times));
		std::printf(" renewals=%llu ms=%ld\n", static_cast<unsigned long long>(renewals_),
			    watch_.ms());
		return failed_ || done_ != set_.count;
	}

	peer &peer_;
	load_setting set_;
	std::mt19937_64 random_;
	std::deque<track> tracks_;
	std::map<int, std::uint64_t> statuses_;
	std::uint64_t begun_ = 0, done_ = 0, lost_ = 0, renewals_ = 0;
	stopwatch watch_, shown_;
	bool failed_ = false, stale_ = false;
};

#endif
