// SPDX-License-Identifier: GPL-2.0
/*
 * What the rows of rds-rdma2 are written with: the owner as an object, its regions, operations of several local ranges,
 * and which rows to expect of whom. One thread.
 */
#ifndef TESTS_PROGRAMS_RDMA2_BENCH_H
#define TESTS_PROGRAMS_RDMA2_BENCH_H

#include <map>
#include <random>

#include "rdma2_wire.h"

constexpr int answer_ms = 15000; /* a slow guest, and connections that are made anew */
constexpr int soon_ms = 3000;

constexpr std::uint64_t told_write = RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME;
constexpr std::uint64_t told_read = RDS_RDMA_NOTIFY_ME;
constexpr std::uint64_t fenced_read = RDS_RDMA_NOTIFY_ME | RDS_RDMA_FENCE;

/* The other process. What was asked can be awaited later. */
class peer {
public:
	struct answer : reply {
		std::optional<std::uint64_t> cookie;
	};

	peer(const endpoint &local, const endpoint &there, unsigned tos = 0)
	    : there_(there), box_(local, tos)
	{}
	mailbox &box() { return box_; }
	const endpoint &there() const { return there_; }

	/* Sends a request, perhaps with an operation; its number, or a negated errno. */
	long post(request r, int type = 0, const void *data = nullptr, std::size_t len = 0)
	{
		r.id = ++last_;
		message m(&there_, &r, sizeof(r));
		if (type)
			m.add_control(SOL_RDS, type, data, len);
		long sent = box_.send(m);
		return sent < 0 ? sent : static_cast<long>(r.id);
	}
	std::optional<answer> await(long id, int ms = answer_ms)
	{
		for (stopwatch watch; id > 0;) {
			auto it = answers_.find(id);
			if (it != answers_.end()) {
				answer found = it->second;
				answers_.erase(it);
				return found;
			}
			auto got = box_.next_message(
				std::max(0, ms - static_cast<int>(watch.ms())));
			if (!got)
				break;
			if (auto body = got->body<reply>())
				keep({*body, got->cookie});
		}
		return std::nullopt;
	}
	std::optional<answer> ask(request r, int ms = answer_ms) { return await(post(r), ms); }
	std::optional<answer> ask(verb what, std::uint64_t slot = 0, std::uint64_t a = 0,
				  std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0)
	{
		request r;
		r.what = what;
		r.slot = slot;
		r.a = a;
		r.b = b;
		r.c = c;
		r.d = d;
		return ask(r);
	}
	/* As the call of the owner's came out. */
	long result(verb what, std::uint64_t slot = 0, std::uint64_t a = 0, std::uint64_t b = 0,
		    std::uint64_t c = 0)
	{
		auto got = ask(what, slot, a, b, c);
		return got ? got->result : -ETIMEDOUT;
	}

	/* Messages pass in both directions, by now. */
	bool flows(int ms = answer_ms)
	{
		stopwatch watch;
		request nothing;
		nothing.what = verb::pinned;
		bool good = ask(nothing, ms).has_value();
		std::printf("# %s after %ld ms\n", good ? "answers" : "no answer", watch.ms());
		return good;
	}

	/* What came of an operation. They need not come in order. */
	std::optional<int> outcome(std::uint64_t token, int ms = answer_ms)
	{
		for (stopwatch watch;;) {
			auto it = early_.find(token);
			if (it != early_.end()) {
				int status = it->second;
				early_.erase(it);
				return status;
			}
			auto got = box_.next_told(std::max(0, ms - static_cast<int>(watch.ms())));
			if (!got)
				return std::nullopt;
			early_.emplace(got->token, got->status);
		}
	}
	bool told(std::uint64_t token, int status, int ms = answer_ms)
	{
		auto got = outcome(token, ms);
		if (got && *got != status)
			std::printf("# status %d, expected %d\n", *got, status);
		if (!got)
			std::printf("# no notification in %d ms\n", ms);
		return got == status;
	}
	/* One of them, and which. */
	bool told_one_of(std::uint64_t token, std::initializer_list<int> statuses,
			 int ms = answer_ms)
	{
		auto got = outcome(token, ms);
		std::printf("# status %d\n", got.value_or(-1));
		return got && std::ranges::find(statuses, *got) != statuses.end();
	}
	bool told_error(std::uint64_t token)
	{
		return told_one_of(token, {RDS_RDMA_REMOTE_ERROR, RDS_RDMA_OTHER_ERROR});
	}
	/* Nothing is told of that was not asked for, or twice. */
	bool told_nothing_else(int ms = 200)
	{
		while (auto got = box_.next_told(ms))
			early_.emplace(got->token, got->status);
		for (auto [token, status] : early_)
			std::printf("# token %llx, status %d: nobody waits for it\n",
				    static_cast<unsigned long long>(token), status);
		return std::exchange(early_, {}).empty();
	}

	/* What messages with cookies rounds brought, and forgets them. */
	std::vector<std::uint64_t> take_offers() { return std::exchange(offers_, {}); }
	std::uint64_t next_slot() { return ++slots_; }
	std::uint64_t next_token() { return ++tokens_; }

private:
	void keep(const answer &a)
	{
		if (a.what == verb::offer)
			offers_.push_back(a.cookie.value_or(0));
		else
			answers_[static_cast<long>(a.id)] = a;
	}

	endpoint there_;
	mailbox box_;
	std::map<long, answer> answers_;
	std::vector<std::uint64_t> offers_;
	std::multimap<std::uint64_t, int> early_;
	std::uint64_t last_ = 0, slots_ = 0, tokens_ = std::uint64_t{0x51} << 56;
};

/* A region of the owner's, until the end of the scope. */
class region {
public:
	region(peer &p, std::size_t bytes, std::size_t offset = 0,
	       std::uint64_t flags = RDS_RDMA_READWRITE, map_how how = map_how::message)
	    : peer_(p), slot_(p.next_slot()), bytes_(bytes)
	{
		auto got = p.ask(verb::map, slot_, bytes, offset, flags,
				 static_cast<std::uint64_t>(how));
		result_ = got ? got->result : -ETIMEDOUT;
		if (got && !result_)
			cookie_ = how == map_how::message ? got->cookie.value_or(0) : got->value;
		if (!cookie_)
			std::printf("# no region: %s\n", result_text(result_).c_str());
	}
	region(const region &) = delete;
	~region()
	{
		if (!abandoned_)
			peer_.ask(verb::forget, slot_);
	}
	/* Nobody is there who could answer. */
	void abandon() { abandoned_ = true; }

	explicit operator bool() const { return cookie_; }
	long result() const { return result_; }
	std::uint64_t cookie() const { return cookie_; }
	std::uint64_t slot() const { return slot_; }
	std::size_t bytes() const { return bytes_; }

	long free(std::uint64_t flags = 0) { return peer_.result(verb::free, slot_, flags); }
	bool fill(std::uint64_t seed) { return peer_.ask(verb::fill, slot_, seed).has_value(); }
	bool poke(std::uint64_t at, std::uint64_t value)
	{
		return peer_.ask(verb::poke, slot_, at, value).has_value();
	}
	std::uint64_t peek(std::uint64_t at)
	{
		auto got = peer_.ask(verb::peek, slot_, at);
		return got ? got->value : ~std::uint64_t{0};
	}
	/* The request that has it looked at, to send with an operation. */
	request check(std::size_t from = 0, std::size_t len = ~std::size_t{0}) const
	{
		request r;
		r.what = verb::check;
		r.slot = slot_;
		r.a = from;
		r.b = std::min(len, bytes_ - from);
		return r;
	}
	/* It is as @fill made it, and so is what surrounds it. */
	bool is(std::uint64_t seed)
	{
		std::vector<std::uint8_t> image(bytes_);
		fill_pattern(image, seed);
		auto got = peer_.ask(check());
		return got && seen_well(*got, sum_of(image));
	}
	static bool seen_well(const reply &r, std::uint64_t sum)
	{
		if (r.value != sum)
			std::printf("# other bytes than expected\n");
		if (r.other)
			std::printf("# %llu guard bytes were changed\n",
				    static_cast<unsigned long long>(r.other));
		return r.value == sum && !r.other;
	}

private:
	peer &peer_;
	std::uint64_t slot_, cookie_ = 0;
	std::size_t bytes_;
	long result_;
	bool abandoned_ = false;
};

/* Local ranges with gaps between them, the first byte at an offset in a page. */
class ranges {
public:
	ranges(std::size_t bytes, std::size_t nr = 1, std::size_t offset = 0, unsigned seed = 1)
	    : memory_((offset + bytes + nr * most_gap) / page + 2)
	{
		std::mt19937 random(seed);
		std::size_t at = offset;
		for (std::size_t i = 0; i < nr; i++) {
			std::size_t left = bytes - total_, rest = nr - i - 1;
			std::size_t len =
				rest ? 1 + random() % std::max<std::size_t>(1, (left - rest) * 2 /
										       (rest + 1))
				     : left;
			len = std::min(len, left - rest);
			vec_.push_back({memory_.addr(at), len});
			total_ += len;
			at += len + random() % most_gap;
		}
		fill_guard(all());
	}

	/* In as many pages as there can be: two bytes each in two pages, and the last one begins so. */
	struct straddling {};
	ranges(straddling, std::size_t bytes, std::size_t nr) : memory_(nr + bytes / page + 2)
	{
		for (std::size_t i = 1; i <= nr; i++) {
			std::size_t len = i < nr ? 2 : bytes - total_;
			vec_.push_back({memory_.addr(i * page - 1), len});
			total_ += len;
		}
		fill_guard(all());
	}

	/* The ranges, one after another, as fill_pattern() makes them. */
	void fill(std::uint64_t seed)
	{
		std::uint64_t i = 0;
		for (const auto &v : vec_)
			for (std::size_t k = 0; k < v.bytes; k++)
				at(v)[k] = pattern(seed, i++);
	}
	std::vector<std::uint8_t> gather() const
	{
		std::vector<std::uint8_t> out;
		for (const auto &v : vec_)
			out.insert(out.end(), at(v), at(v) + v.bytes);
		return out;
	}
	/* What is between them is as it was. */
	bool gaps_untouched() const
	{
		std::vector<std::uint8_t> image(memory_.size());
		fill_guard(image);
		for (const auto &v : vec_)
			std::memcpy(image.data() + (v.addr - memory_.addr()), at(v), v.bytes);
		return !std::memcmp(image.data(), memory_.get(), image.size());
	}
	bool are(std::uint64_t seed) const
	{
		std::vector<std::uint8_t> wanted(total_);
		fill_pattern(wanted, seed);
		bool same = gather() == wanted, gaps = gaps_untouched();
		if (!same || !gaps)
			std::printf("# %s\n", same ? "bytes between ranges were changed"
						   : "other bytes than expected");
		return same && gaps;
	}
	std::uint64_t sum() const { return sum_of(gather()); }
	const std::vector<rds_iovec> &vec() const { return vec_; }
	std::size_t bytes() const { return total_; }

private:
	static constexpr std::size_t most_gap = 100;
	std::span<std::uint8_t> all() const { return {memory_.get(), memory_.size()}; }
	std::uint8_t *at(const rds_iovec &v) const
	{
		return memory_.get() + (v.addr - memory_.addr());
	}

	pages memory_;
	std::vector<rds_iovec> vec_;
	std::size_t total_ = 0;
};

/* Between these ranges and a region, @far from its start. */
inline rds_rdma_args operation(const ranges &local, std::uint64_t cookie, std::uint64_t flags,
			       std::uint64_t token, std::uint64_t far = 0)
{
	rds_rdma_args args{};
	args.cookie = cookie;
	args.remote_vec = {far, local.bytes()};
	args.local_vec_addr = address_of(local.vec().data());
	args.nr_local = local.vec().size();
	args.flags = flags;
	args.user_token = token;
	return args;
}

inline long post(peer &p, const request &r, const rds_rdma_args &args)
{
	return p.post(r, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
}

/* Without a payload. */
inline long post_bare(peer &p, const rds_rdma_args &args)
{
	message m(&p.there(), nullptr, 0);
	m.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
	return p.box().send(m);
}

/* ---- rows ---- */

/* Which end's modules must be this tree's for a row to succeed. */
enum class ours { none, here, there, both };

struct setting {
	endpoint local, remote;
	std::optional<endpoint> third_local, third;
	bool ours_here = true, ours_there = true;
	bool prove = false; /* run what cannot succeed, and see that it does not */
	int rounds = 2000;
	std::string release; /* of the owner's kernel */
};

class table {
public:
	table(tap &t, const setting &set) : set(set), t_(t) {}

	const setting &set;

	void section(const std::string &name) { t_.section(name); }

	bool expected(ours who) const
	{
		return (set.ours_here || who == ours::none || who == ours::there) &&
		       (set.ours_there || who == ours::none || who == ours::here);
	}
	/* Whether to run rows that only ours can pass. */
	bool wanted(ours who) const { return expected(who) || set.prove; }

	template <typename Row>
	bool row(ours who, const std::string &name, Row good)
	{
		if (expected(who))
			return t_.ok(name, good());
		if (!set.prove) {
			t_.skip(name, "ours only");
			return false;
		}
		if (good())
			t_.same(name, "failure of the kernel's own modules", "yes");
		else
			t_.skip(name, "ours only: fails");
		return false;
	}
	template <typename Row>
	bool row(const std::string &name, Row good)
	{
		return row(ours::none, name, good);
	}
	/* One that must not be run on them at all. */
	template <typename Row>
	void spared(ours who, const std::string &name, const std::string &why, Row good)
	{
		if (expected(who))
			t_.ok(name, good());
		else
			t_.skip(name, "ours only: " + why);
	}

private:
	tap &t_;
};

/* A result of a call, for a row. */
inline bool came_to(long expected, long got)
{
	if (got != expected)
		std::printf("# %s, expected %s\n", result_text(got).c_str(),
			    result_text(expected).c_str());
	return got == expected;
}

#endif
