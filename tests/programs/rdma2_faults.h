// SPDX-License-Identifier: GPL-2.0
/* Rows of rds-rdma2: what is refused, what breaks a connection, owners that die; traffic flows afterwards. */
#ifndef TESTS_PROGRAMS_RDMA2_FAULTS_H
#define TESTS_PROGRAMS_RDMA2_FAULTS_H

#include <memory>

#include "rdma2_move.h"

/* Another owner over there, on a connection of its own: for what the kernel's own modules do not get over. */
class child_owner {
public:
	child_owner(table &t, peer &p, unsigned tos)
	    : main_(p), at_(p.there().with_port(static_cast<std::uint16_t>(p.there().port() + tos)))
	{
		request start;
		start.what = verb::spawn;
		start.a = at_.port();
		start.b = tos;
		auto spawned = p.ask(start);
		good_ = spawned && !spawned->result;
		reach = std::make_unique<peer>(t.set.local.with_port(0), at_, tos);
		good_ = good_ && reach->flows();
	}
	child_owner(const child_owner &) = delete;
	~child_owner() { kill(); }
	explicit operator bool() const { return good_; }
	bool kill() { return main_.ask(verb::kill).has_value(); }

	std::unique_ptr<peer> reach;

private:
	peer &main_;
	endpoint at_;
	bool good_;
};

inline std::uint64_t spoilt(std::uint64_t cookie)
{
	return (cookie & ~std::uint64_t{0xffffffff}) | 0xdeadbe00;
}

/*
 * The peer refuses it, and ends the connection. The kernel's own modules may see that before their own
 * completion, and then say "dropped" (one run of ten, while the machine does other things).
 */
inline bool told_refused(const table &t, peer &p, std::uint64_t token)
{
	if (t.set.ours_here)
		return p.told(token, RDS_RDMA_REMOTE_ERROR);
	return p.told_one_of(token, {RDS_RDMA_REMOTE_ERROR, RDS_RDMA_DROPPED});
}

/* An operation with a key that nobody has. */
inline bool bad_key(table &t, peer &p)
{
	ranges local(64);
	auto args = operation(local, spoilt(0), told_write, p.next_token());
	return post_bare(p, args) == 0 && told_refused(t, p, args.user_token);
}

inline void rows_refused(table &t, peer &p)
{
	t.section("refused");
	/* the kernel's own modules do not get over it while a message with a cookie is not acknowledged */
	p.flows();
	t.row("a key that nobody has", [&] { return bad_key(t, p); });
	t.row("... and traffic flows again", [&] { return p.flows(); });
	t.row("a key that nobody has, three times", [&] {
		for (int i = 0; i < 3; i++)
			if (!bad_key(t, p) || !p.flows())
				return false;
		return true;
	});
	t.row("a read with such a key leaves our memory alone", [&] {
		ranges local(5000, 3, 7);
		local.fill(1);
		auto args = operation(local, spoilt(0), told_read, p.next_token());
		return post_bare(p, args) == 0 && told_refused(t, p, args.user_token) &&
		       local.are(1) && p.flows();
	});
	t.row("operations work again", [&] {
		region r(p, 5000, 77);
		ranges local(5000);
		local.fill(41);
		return r && written(p, r, local, RDS_RDMA_NOTIFY_ME);
	});

	/* by the bytes that were asked for, and by what was allowed */
	auto access = [&](const char *name, std::uint64_t flags, std::uint64_t op,
			  std::uint64_t far, std::size_t len) {
		t.row(ours::there, name, [&] {
			region r(p, 100, 200, flags);
			ranges local(len);
			local.fill(42);
			auto args = operation(local, r.cookie(), op, p.next_token(), far);
			bool good = r && post_bare(p, args) == 0 &&
				    told_refused(t, p, args.user_token) && p.flows() &&
				    local.are(42) && r.is(0);
			return good;
		});
	};
	constexpr std::uint64_t all = RDS_RDMA_READWRITE, before = -std::uint64_t{8};
	access("write behind the range, in its page (15)", all, told_write, 100, 8);
	access("write over the end of the range (15)", all, told_write, 96, 8);
	access("write before the range, in its page (15)", all, told_write, before, 8);
	access("read behind the range, in its page (15)", all, told_read, 100, 8);
	access("read before the range, in its page (15)", all, told_read, before, 8);
	access("write without READWRITE", 0, told_write, 0, 8);
	t.spared(ours::there, "write behind the last page", "the owner does not come back", [&] {
		region r(p, 100, 200);
		ranges local(8);
		auto args = operation(local, r.cookie(), told_write, p.next_token(), page - 200);
		return post_bare(p, args) == 0 && told_refused(t, p, args.user_token) &&
		       p.flows() && r.is(0);
	});
}

/* ib.md, pitfall 1: memory that an application holds must not keep a connection from coming back. */
inline void rows_held(table &t, peer &p)
{
	t.section("refused, while the owner holds a region");
	if (!t.wanted(ours::there))
		return;
	child_owner child(t, p, 7);
	region held(*child.reach, 5000, 77);
	t.row("a region, and a key that nobody has",
	      [&] { return child && held && bad_key(t, *child.reach); });
	if (t.set.third && t.set.third_local) {
		t.row(ours::there, "... a third address reaches us", [&] {
			request r;
			r.what = verb::ping;
			std::snprintf(r.text, sizeof(r.text), "%s %s",
				      t.set.third->address_text().c_str(),
				      t.set.local.address_text().c_str());
			auto got = p.ask(r);
			std::printf("# %s ms\n", got ? std::to_string(got->result).c_str() : "?");
			return got && got->result >= 0 && got->result < 2000;
		});
		t.row(ours::there, "... we reach a third address", [&] {
			long ms = ping_takes(*t.set.third_local, t.set.remote, 5000);
			std::printf("# %ld ms\n", ms);
			return ms >= 0 && ms < 2000;
		});
	}
	t.row(ours::there, "... traffic flows again", [&] { return child.reach->flows(5000); });
	if (!t.expected(ours::there)) {
		child.kill();
		return held.abandon();
	}
	t.row(ours::there, "... the region works", [&] {
		ranges local(5000);
		local.fill(51);
		return written(*child.reach, held, local, RDS_RDMA_NOTIFY_ME);
	});
}

inline void rows_killed(table &t, peer &p)
{
	t.section("the owner is killed");
	constexpr unsigned nr = 40;
	long rest = pinned_there(p);
	std::map<std::uint64_t, int> times, statuses;
	std::deque<ranges> local;
	{
		child_owner child(t, p, 8);
		std::array<std::uint64_t, 4> cookies{};
		for (auto &cookie : cookies) {
			auto got = child.reach->ask(verb::map, child.reach->next_slot(), 65536, 99,
						    RDS_RDMA_READWRITE);
			cookie = got ? got->cookie.value_or(0) : 0;
		}
		t.row("another owner, with regions", [&] { return child && cookies[3]; });
		for (unsigned i = 0; i < nr; i++) {
			local.emplace_back(65536, 3, i);
			auto args = operation(local[i], cookies[i % 4], told_write, i);
			post_bare(*child.reach, args);
		}
		t.row("some have been done", [&] {
			for (int i = 0; i < 3; i++)
				if (auto got = child.reach->box().next_told(answer_ms)) {
					times[got->token]++;
					statuses[static_cast<std::uint64_t>(got->status)]++;
				}
			return times.size() == 3;
		});
		t.row("it is killed in between", [&] { return child.kill(); });
		t.row("each operation was told of once", [&] {
			for (stopwatch watch; times.size() < nr && watch.ms() < 2 * answer_ms;)
				if (auto got = child.reach->box().next_told(1000)) {
					times[got->token]++;
					statuses[static_cast<std::uint64_t>(got->status)]++;
				}
			bool good = times.size() == nr && !child.reach->box().next_told(300);
			for (auto [token, n] : times)
				good = good && n == 1;
			for (auto [status, n] : statuses)
				std::printf("# status %llu, %d times\n",
					    static_cast<unsigned long long>(status), n);
			return good;
		});
	}
	t.row("its fellow owner lives", [&] {
		region r(p, 5000, 77);
		ranges mine(5000);
		mine.fill(61);
		return p.flows() && r && written(p, r, mine, RDS_RDMA_NOTIFY_ME);
	});
	t.row("another one takes its place", [&] {
		child_owner again(t, p, 8);
		region r(*again.reach, 5000, 77);
		ranges mine(5000);
		mine.fill(62);
		return again && r && written(*again.reach, r, mine, RDS_RDMA_NOTIFY_ME);
	});
	ours leak = t.set.release.starts_with("6.1.") ? ours::there : ours::none;
	t.row(leak, "no page stays pinned", [&] { return unpinned(p, rest); });
}

/* max_send_wr is 4 on this connection: an operation takes more than the ring has (ib.md, pitfall 3). */
inline void rows_ring(table &t, peer &p)
{
	t.section("small ring");
	for (std::size_t nr : {1, 512, 1024}) {
		std::string what = "1 MiB of " + std::to_string(nr);
		auto local = [&](std::size_t offset) {
			return nr == 1024 ? ranges(ranges::straddling{}, 1 << 20, nr)
					  : ranges(1 << 20, nr, offset);
		};
		region r(p, 1 << 20, 99);
		auto write = [&] {
			ranges from = local(5);
			from.fill(71);
			return r && written(p, r, from, RDS_RDMA_NOTIFY_ME);
		};
		if (nr == 1)
			t.row(ours::here, "write " + what, write);
		else
			t.spared(ours::here, "write " + what, "the connection is mute", write);
		t.spared(ours::here, "read " + what, "the connection is mute", [&] {
			ranges back = local(6);
			return r.fill(72) && read_back(p, r, back, 72);
		});
		if (!t.expected(ours::here))
			return r.abandon();
	}
}

#endif
