// SPDX-License-Identifier: GPL-2.0
/* Rows of rds-rdma2: reads and writes by content, what flags do, how long a region lives, locked memory. */
#ifndef TESTS_PROGRAMS_RDMA2_MOVE_H
#define TESTS_PROGRAMS_RDMA2_MOVE_H

#include "rdma2_bench.h"

struct shape {
	std::size_t bytes, far_offset, near_offset, nr;
	std::string text() const
	{
		return std::to_string(bytes) + " bytes, " + std::to_string(nr) + " of ours at " +
		       std::to_string(near_offset) + ", region at " + std::to_string(far_offset);
	}
};

constexpr std::array shapes{
	shape{1, 0, 0, 1},	   shape{1, 4095, 17, 1},	 shape{2, 4095, 4095, 2},
	shape{100, 100, 3, 1},	   shape{4096, 0, 0, 1},	 shape{4097, 4095, 1, 2},
	shape{8193, 7, 4090, 3},   shape{32768, 0, 0, 8},	 shape{36864, 0, 0, 9},
	shape{65536, 1, 2, 16},	   shape{65537, 4000, 4095, 17}, shape{100000, 33, 99, 64},
	shape{300000, 2, 3, 511},  shape{1 << 20, 0, 0, 1},	 shape{1 << 20, 4095, 1, 1},
	shape{1 << 20, 1, 5, 512},
};

/* The message that comes with it tells what the owner saw when it arrived. */
inline bool written(peer &p, const region &r, const ranges &local, std::uint64_t flags,
		    std::uint64_t far = 0)
{
	auto token = p.next_token();
	long id = post(p, r.check(far, local.bytes()),
		       operation(local, r.cookie(), flags | RDS_RDMA_READWRITE, token, far));
	if (id < 0)
		return came_to(0, id);
	if ((flags & RDS_RDMA_NOTIFY_ME) && !p.told(token, RDS_RDMA_SUCCESS))
		return false;
	auto seen = p.await(id);
	return seen && region::seen_well(*seen, local.sum());
}

/* Fenced: when its message is known to have arrived, the data is here. */
inline bool read_back(peer &p, region &r, const ranges &local, std::uint64_t seed)
{
	auto token = p.next_token();
	long id = post(p, r.check(), operation(local, r.cookie(), fenced_read, token));
	if (id < 0)
		return came_to(0, id);
	return p.told(token, RDS_RDMA_SUCCESS) && local.are(seed) && p.await(id);
}

inline void rows_moves(table &t, peer &p)
{
	t.section("move");
	unsigned seed = 0;
	for (const auto &s : shapes) {
		seed++;
		region r(p, s.bytes, s.far_offset);
		ranges local(s.bytes, s.nr, s.near_offset, seed);
		local.fill(seed);
		t.row("write " + s.text(),
		      [&] { return r && written(p, r, local, RDS_RDMA_NOTIFY_ME) && r.is(seed); });
		t.row("read " + s.text(), [&] {
			ranges empty(s.bytes, s.nr, s.near_offset, seed);
			return r && r.fill(seed + 100) && read_back(p, r, empty, seed + 100) &&
			       r.is(seed + 100);
		});
	}
	t.row("write into the middle", [&] {
		region r(p, 70000, 10);
		ranges local(5000, 3, 1);
		local.fill(7);
		std::vector<std::uint8_t> image(r.bytes());
		fill_pattern(image, 0);
		fill_pattern(std::span(image).subspan(20001, 5000), 7);
		if (!r || !written(p, r, local, RDS_RDMA_NOTIFY_ME, 20001))
			return false;
		auto whole = p.ask(r.check());
		return whole && region::seen_well(*whole, sum_of(image));
	});
	t.row("write less than the remote range", [&] {
		region r(p, 5000);
		ranges local(3000);
		local.fill(9);
		auto args = operation(local, r.cookie(), told_write, p.next_token());
		args.remote_vec.bytes = 5000;
		auto seen = p.await(post(p, r.check(0, 3000), args));
		return p.told(args.user_token, RDS_RDMA_SUCCESS) && seen &&
		       region::seen_well(*seen, local.sum());
	});
	t.row("read without a fence", [&] {
		region r(p, 50000, 5);
		ranges local(50000, 4, 9);
		auto args = operation(local, r.cookie(), told_read, p.next_token());
		return r.fill(3) && post(p, r.check(), args) > 0 &&
		       p.told(args.user_token, RDS_RDMA_SUCCESS) &&
		       eventually([&] { return local.are(3); }) && p.flows();
	});
	t.row("a fenced read is over when its message arrives", [&] {
		region r(p, 200000, 5);
		ranges local(200000, 4, 9);
		request spoil;
		spoil.what = verb::fill;
		spoil.slot = r.slot();
		spoil.a = 5;
		auto args = operation(local, r.cookie(), fenced_read, p.next_token());
		if (!r || !r.fill(4) || !p.await(post(p, spoil, args)))
			return false;
		return p.told(args.user_token, RDS_RDMA_SUCCESS) && local.are(4) && r.is(5);
	});
	t.row("two regions in turn, ten each, none waited for", [&] {
		region one(p, 30000, 1), two(p, 9000, 4000);
		std::deque<ranges> local;
		std::vector<long> ids;
		std::vector<std::uint64_t> tokens;
		for (unsigned i = 0; i < 20; i++) {
			region &r = i % 2 ? one : two;
			local.emplace_back(r.bytes(), 3, i, i + 1);
			local.back().fill(i);
			tokens.push_back(p.next_token());
			ids.push_back(post(p, r.check(),
					   operation(local.back(), r.cookie(), told_write,
						     tokens.back())));
		}
		bool good = true;
		for (unsigned i = 0; i < 20; i++) {
			auto seen = p.await(ids[i]);
			/* the next one may have begun when it was looked at: only the last are sure */
			good = good && seen && (i < 18 || seen->value == local[i].sum()) &&
			       p.told(tokens[i], RDS_RDMA_SUCCESS);
		}
		return good;
	});
}

inline void rows_flags(table &t, peer &p)
{
	t.section("flags");
	t.row("write, not to be told", [&] {
		region r(p, 3000, 50);
		ranges local(3000);
		local.fill(11);
		return r && written(p, r, local, 0) && p.told_nothing_else();
	});
	t.row("all 64 bits of a token", [&] {
		region r(p, 64);
		ranges local(64);
		auto args = operation(local, r.cookie(), told_write, 0xfedcba9876543210);
		return post_bare(p, args) == 0 && p.told(0xfedcba9876543210, RDS_RDMA_SUCCESS);
	});
	{
		region r(p, 3000, 50);
		ranges local(3000, 2);
		auto args = operation(local, r.cookie(), told_write | RDS_RDMA_SILENT,
				      p.next_token());
		local.fill(12);
		bool told = false;
		t.row(ours::here,
		      "silent write, to be told: so it is, without further traffic (26)", [&] {
			      return post_bare(p, args) == 0 &&
				     (told = p.told(args.user_token, RDS_RDMA_SUCCESS, soon_ms));
		      });
		if (t.wanted(ours::here)) /* later, if not at once */
			t.row("silent write: the data is there", [&] {
				bool there = r.is(12);
				return there && (told || p.told(args.user_token, RDS_RDMA_SUCCESS));
			});
		t.row(ours::here, "silent read, to be told", [&] {
			ranges back(3000, 3, 8);
			auto args = operation(back, r.cookie(), told_read | RDS_RDMA_SILENT,
					      p.next_token());
			bool good = r.fill(13) && post_bare(p, args) == 0 &&
				    p.told(args.user_token, RDS_RDMA_SUCCESS, soon_ms) &&
				    back.are(13);
			if (!good) {
				p.flows();
				p.told(args.user_token, RDS_RDMA_SUCCESS);
			}
			return good;
		});
		t.row("silent write with data: the data is sent", [&] {
			ranges again(3000, 2);
			again.fill(14);
			return written(p, r, again, RDS_RDMA_NOTIFY_ME | RDS_RDMA_SILENT);
		});
	}
	t.row("read of a region without READWRITE", [&] {
		region r(p, 5000, 9, 0);
		ranges local(5000);
		return r && r.fill(2) && read_back(p, r, local, 2);
	});
}

inline void rows_life_there(table &t, peer &p)
{
	t.section("life of a region");
	for (bool reading : {false, true})
		t.row(std::string("use once: gone after a ") + (reading ? "read" : "write"), [&] {
			region r(p, 5000, 77, RDS_RDMA_READWRITE | RDS_RDMA_USE_ONCE);
			ranges local(5000);
			local.fill(0);
			return r &&
			       (reading ? read_back(p, r, local, 0)
					: written(p, r, local, RDS_RDMA_NOTIFY_ME)) &&
			       came_to(-EINVAL, r.free());
		});
	t.row("use once: still there if nobody used it", [&] {
		region r(p, 5000, 77, RDS_RDMA_READWRITE | RDS_RDMA_USE_ONCE);
		return r && came_to(0, r.free()) && came_to(-EINVAL, r.free());
	});
	t.row("a cookie once more (DEST), and its use", [&] {
		region r(p, 5000, 77);
		auto again = p.ask(verb::dest, r.slot());
		ranges local(5000, 2);
		local.fill(21);
		return r && again && !again->result && again->cookie == r.cookie() &&
		       written(p, r, local, RDS_RDMA_NOTIFY_ME) && came_to(0, r.free()) &&
		       came_to(-EINVAL, p.result(verb::dest, r.slot()));
	});
	t.row("freed, and flushed: an access is refused", [&] {
		region r(p, 5000, 77);
		ranges local(5000);
		auto args = operation(local, r.cookie(), told_write, p.next_token());
		return r && came_to(0, r.free(RDS_RDMA_INVALIDATE)) && post_bare(p, args) == 0 &&
		       p.told(args.user_token, RDS_RDMA_REMOTE_ERROR) && r.is(0);
	});
	t.row("... and traffic flows again", [&] { return p.flows(); });
	t.row("... and operations do", [&] {
		region r(p, 5000, 77);
		ranges local(5000);
		local.fill(22);
		return r && written(p, r, local, RDS_RDMA_NOTIFY_ME);
	});
	const std::array ways{std::pair{map_how::get_mr, "GET_MR"},
			      std::pair{map_how::for_dest, "GET_MR_FOR_DEST"}};
	for (auto [how, name] : ways)
		t.row(ours::there, std::string(name) + " registers, the key works", [&] {
			region r(p, 70000, 123, RDS_RDMA_READWRITE, how);
			ranges local(70000, 5, 3), back(70000);
			local.fill(23);
			return came_to(0, r.result()) && r &&
			       written(p, r, local, RDS_RDMA_NOTIFY_ME) && r.fill(24) &&
			       read_back(p, r, back, 24) && came_to(0, r.free()) &&
			       came_to(-EINVAL, r.free());
		});
}

/* Traffic of another type of service has a connection of its own; keys are valid there, too. */
inline void rows_tos(table &t, peer &p)
{
	t.section("tos");
	request start;
	start.what = verb::spawn;
	start.a = p.there().port() + 1;
	start.b = 5;
	auto spawned = p.ask(start);
	peer other(t.set.local.with_port(0), p.there().with_port(p.there().port() + 1), 5);
	t.row("an owner of tos 5", [&] { return spawned && !spawned->result && other.flows(); });
	t.row("reads and writes of tos 5", [&] {
		region r(other, 70000, 9);
		ranges local(70000, 3), back(70000, 2, 5);
		local.fill(31);
		return r && written(other, r, local, RDS_RDMA_NOTIFY_ME) && r.fill(32) &&
		       read_back(other, r, back, 32);
	});
	t.row("a key of tos 0 in an operation of tos 5", [&] {
		region r(p, 70000, 9);
		ranges local(70000, 3);
		local.fill(33);
		auto args = operation(local, r.cookie(), told_write, other.next_token());
		return r && post_bare(other, args) == 0 &&
		       other.told(args.user_token, RDS_RDMA_SUCCESS) && r.is(33);
	});
	p.ask(verb::kill);
}

inline void rows_locked_there(table &t, peer &p)
{
	t.section("locked memory");
	auto come = [&](std::uint64_t limit, std::uint64_t bytes) {
		long r = p.result(verb::memlock, 0, limit, bytes);
		p.take_offers();
		return r;
	};
	t.row("none allowed", [&] { return came_to(-EPERM, come(0, 4 * page)); });
	t.row("within the limit", [&] { return came_to(0, come(256 * page, 4 * page)); });
	t.row(ours::there, "over the limit (17)",
	      [&] { return came_to(-ENOMEM, come(8 * page, 100 * page)); });
}

/* After what was freed is flushed. */
inline long pinned_there(peer &p)
{
	p.ask(verb::release);
	auto got = p.ask(verb::pinned);
	return got ? static_cast<long>(got->value) : -1;
}

inline bool unpinned(peer &p, long rest)
{
	long now = -1;
	for (stopwatch watch; watch.ms() < 3000 && (now = pinned_there(p)) != rest;)
		::usleep(100000);
	std::printf("# %ld pinned before, %ld after\n", rest, now);
	return now == rest;
}

/* By threads that register at the same time, on one connection. */
constexpr std::uint64_t crowd_threads = 8;

/* Registrations that fail leave nothing behind: 600 are more than any table of them has places for (6). */
inline void rows_futile(table &t, peer &p, ours leak)
{
	constexpr std::uint64_t times = 600, limit = 64 * page;
	long rest = pinned_there(p);
	auto fail = [&](flaw what, std::uint64_t most) {
		request r;
		r.what = verb::futile;
		r.a = times;
		r.b = static_cast<std::uint64_t>(what);
		r.c = crowd_threads;
		r.d = most;
		auto got = p.ask(r, 60000);
		std::printf("# %llu calls at once, at most\n",
			    got ? static_cast<unsigned long long>(got->other) : 0);
		return got && came_to(-EFAULT, got->result) && got->value == times;
	};
	t.row("600 fail, several at once: read-only memory (6)",
	      [&] { return fail(flaw::read_only, limit); });
	t.row("600 fail, several at once: half of it is not there (6)",
	      [&] { return fail(flaw::half_mapped, limit); });
	t.spared(ours::there, "600 fail, several at once: no place for the cookie (6)",
		 "frees pages twice", [&] { return fail(flaw::cookie, 0); });
	t.row("... nothing brings a message", [&] { return p.take_offers().empty(); });
	t.row("... nothing is charged: as much as is allowed still is", [&] {
		long r = p.result(verb::memlock, 0, limit, limit - 4 * page);
		return came_to(0, r) && p.take_offers().size() == 1;
	});
	t.row("... and one is registered, and works", [&] {
		region r(p, 5000, 77);
		ranges local(5000);
		local.fill(91);
		return r && written(p, r, local, RDS_RDMA_NOTIFY_ME);
	});
	t.row(leak, "... no page stays pinned", [&] { return unpinned(p, rest); });
}

inline void rows_many(table &t, peer &p)
{
	t.section("many regions");
	constexpr unsigned kept = 600;
	/* unpinned in the wrong way, pages are lost one by one (1): fixed in 6.12.117 */
	ours leak = t.set.release.starts_with("6.1.") ? ours::there : ours::none;
	std::vector<std::uint64_t> cookies;

	auto memory = [&] {
		auto got = p.ask(verb::memory);
		return got ? static_cast<long>(got->value) : 0;
	};
	long rest = pinned_there(p);
	auto crowd = [&](std::uint64_t threads) {
		request r;
		r.what = verb::crowd;
		r.a = kept;
		r.b = 64;
		r.c = threads;
		auto got = p.ask(r, 60000);
		cookies = p.take_offers();
		std::printf("# %llu calls at once, at most\n",
			    got ? static_cast<unsigned long long>(got->other) : 0);
		return got && came_to(0, got->result) && cookies.size() == kept && got->other > 1;
	};
	t.spared(ours::there, "600, each by a thread of its own (7)", "waits in a loop",
		 [&] { return crowd(kept); });
	p.ask(verb::release);
	t.row("600, several at once (7)", [&] { return crowd(crowd_threads); });
	t.row("... each key is another one, and works", [&] {
		std::map<std::uint32_t, int> keys;
		for (auto cookie : cookies)
			keys[static_cast<std::uint32_t>(cookie)]++;
		bool good = keys.size() == kept;
		for (std::size_t i = 0; i < cookies.size() && good; i += 37) {
			ranges local(64);
			auto args = operation(local, cookies[i], told_write, p.next_token());
			good = post_bare(p, args) == 0 && p.told(args.user_token, RDS_RDMA_SUCCESS);
		}
		return good;
	});
	p.ask(verb::release);
	rows_futile(t, p, leak);

	std::string rounds = std::to_string(t.set.rounds);
	long before = 0;
	t.row(rounds + " registered and freed", [&] {
		request r;
		r.what = verb::rounds;
		r.b = 4 * page;
		bool good = true;
		/* what a first half leaves in pools is theirs */
		for (int half : {t.set.rounds / 2, t.set.rounds - t.set.rounds / 2}) {
			p.ask(verb::release);
			before = memory();
			r.a = static_cast<std::uint64_t>(half);
			auto got = p.ask(r, 120000);
			good = good && got && came_to(0, got->result) &&
			       p.take_offers().size() == r.a;
		}
		p.ask(verb::release);
		return good;
	});
	t.row(leak, "... and memory comes back (1)", [&] {
		long after = 0;
		bool good = false;
		for (stopwatch watch; !good && watch.ms() < 3000; ::usleep(200000))
			good = (after = memory()) > before - 2048;
		std::printf("# %ld kB available before, %ld after\n", before, after);
		return good;
	});
	t.spared(leak, "a part of a huge page, 20 times (1)", "taints the kernel", [&] {
		auto got = p.ask(verb::huge, 0, 20);
		p.take_offers();
		return got && came_to(0, got->result);
	});
	t.row(leak, "no page stays pinned", [&] { return unpinned(p, rest); });
}

#endif
