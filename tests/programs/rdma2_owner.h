// SPDX-License-Identifier: GPL-2.0
/* The owner of rds-rdma2: has memory, registers it, tells what became of it, as the other process wishes. One thread, but for
 * crowds. */
#ifndef TESTS_PROGRAMS_RDMA2_OWNER_H
#define TESTS_PROGRAMS_RDMA2_OWNER_H

#include <sys/prctl.h>
#include <sys/utsname.h>

#include <atomic>
#include <latch>
#include <map>
#include <memory>
#include <thread>

#include "rdma2_wire.h"
#include "rdma_regions.h"

/* Memory with a region in it, and bytes around it that nobody may touch. */
class guarded {
public:
	guarded(std::size_t bytes, std::size_t offset)
	    : pages_((offset + bytes + page - 1) / page + 2), from_(page + offset), bytes_(bytes)
	{
		fill_guard(all());
		fill_pattern(region(), 0);
	}
	std::span<std::uint8_t> all() const { return {pages_.get(), pages_.size()}; }
	std::span<std::uint8_t> region() const { return all().subspan(from_, bytes_); }
	std::uint64_t addr() const { return pages_.addr(from_); }
	/* of the guard bytes */
	std::uint64_t changed() const
	{
		std::uint64_t n = 0;
		auto bytes = all();
		for (std::size_t i = 0; i < bytes.size(); i++)
			n += (i < from_ || i >= from_ + bytes_) && bytes[i] != guard_byte(i);
		return n;
	}

	std::uint64_t cookie = 0;

private:
	pages pages_;
	std::size_t from_, bytes_;
};

/* kB, after what the kernel only keeps in reserve has been given back. */
inline std::uint64_t available_memory()
{
	auto write = [](const char *path, const char *text) {
		int fd = ::open(path, O_WRONLY);
		(void)!::write(fd, text, std::strlen(text));
		::close(fd);
	};
	write("/proc/sys/vm/percpu_pagelist_high_fraction", "100000");
	write("/proc/sys/vm/drop_caches", "4"); /* no line in the log */
	write("/proc/sys/vm/drop_caches", "3");
	std::string all = read_file("/proc/meminfo");
	auto at = all.find("MemAvailable:");
	return at == all.npos ? 0 : std::strtoull(all.c_str() + at + 13, nullptr, 10);
}

class owner {
public:
	owner(const endpoint &local, unsigned tos) : local_(local), box_(local, tos) {}

	void run()
	{
		std::printf("ready owner %s\n", local_.text().c_str());
		std::fflush(stdout);
		for (bool on = true; on;) {
			auto got = box_.next_message(1000);
			auto wish = got ? got->body<request>() : std::nullopt;
			if (!wish)
				continue;
			wish->text[sizeof(wish->text) - 1] = '\0';
			on = wish->what != verb::quit;
			from_ = got->from;
			answer_ = {};
			answer_.what = wish->what;
			answer_.id = wish->id;
			control_ = 0;
			serve(*wish);
			say(answer_);
		}
		end_child();
	}

private:
	/* With what was prepared as a control message; its failure is told without it. */
	void say(const reply &r)
	{
		message m(&from_, &r, sizeof(r));
		if (control_ == RDS_CMSG_RDMA_MAP)
			m.add_control(SOL_RDS, control_, &args_, sizeof(args_));
		else if (control_)
			m.add_control(SOL_RDS, control_, &cookie_, sizeof(cookie_));
		long sent = box_.send(m);
		if (sent >= 0 || !control_)
			return;
		reply sorry = r;
		sorry.result = sent;
		message plain(&from_, &sorry, sizeof(sorry));
		box_.send(plain);
	}

	void serve(const request &r)
	{
		switch (r.what) {
		case verb::hello:
			return hello();
		case verb::map:
			return map(r);
		case verb::memlock:
			return memlock(r);
		case verb::rounds:
			return rounds(r);
		case verb::crowd:
			return crowd(r);
		case verb::futile:
			return futile(r);
		case verb::release:
			for (auto cookie : kept_)
				free_mr(box_.socket(), cookie);
			kept_.clear();
			rooms_.clear();
			answer_.result = free_mr(box_.socket(), 0);
			return;
		case verb::huge:
			return huge(r.a);
		case verb::memory:
			answer_.value = available_memory();
			return;
		case verb::pinned:
			answer_.value = static_cast<std::uint64_t>(pinned_pages());
			return;
		case verb::counter:
			answer_.value = core_counter(r.text);
			return;
		case verb::ping:
			return ping(r.text);
		case verb::spawn:
			return spawn(r);
		case verb::kill:
			return end_child();
		case verb::quit:
		case verb::offer:
			return;
		default:
			return with_slot(r);
		}
	}

	void hello()
	{
		utsname name{};
		::uname(&name);
		std::snprintf(answer_.text, sizeof(answer_.text), "%s", name.release);
		for (const auto &[nr, slot] : slots_)
			free_mr(box_.socket(), slot->cookie, RDS_RDMA_INVALIDATE);
		slots_.clear();
	}

	void map(const request &r)
	{
		auto &slot = slots_[r.slot];
		slot = std::make_unique<guarded>(r.a, r.b);
		args_ = region_args(slot->addr(), r.a, &slot->cookie, r.c);
		switch (static_cast<map_how>(r.d)) {
		case map_how::message:
			control_ = RDS_CMSG_RDMA_MAP;
			return;
		case map_how::get_mr:
			answer_.result = get_mr(box_.socket(), args_);
			break;
		case map_how::for_dest:
			rds_get_mr_for_dest_args dest{};
			std::memcpy(&dest.dest_addr, from_.sa(), from_.length());
			dest.vec = args_.vec;
			dest.cookie_addr = args_.cookie_addr;
			dest.flags = args_.flags;
			answer_.result = option(box_.socket(), RDS_GET_MR_FOR_DEST, &dest,
						sizeof(dest));
			break;
		}
		answer_.value = slot->cookie;
	}

	void with_slot(const request &r)
	{
		auto it = slots_.find(r.slot);
		if (it == slots_.end()) {
			answer_.result = -ENOENT;
			return;
		}
		guarded &slot = *it->second;
		auto bytes = slot.region();
		switch (r.what) {
		case verb::fill:
			fill_pattern(bytes, r.a);
			return;
		case verb::check:
			answer_.value = sum_of(bytes.subspan(r.a, r.b));
			answer_.other = slot.changed();
			return;
		case verb::peek:
			std::memcpy(&answer_.value, bytes.data() + r.a, 8);
			answer_.other = slot.changed();
			return;
		case verb::poke:
			std::memcpy(bytes.data() + r.a, &r.b, 8);
			return;
		case verb::dest:
			cookie_ = slot.cookie;
			control_ = RDS_CMSG_RDMA_DEST;
			return;
		case verb::free:
			answer_.result = free_mr(box_.socket(), slot.cookie, r.a);
			return;
		case verb::forget:
			answer_.result = free_mr(box_.socket(), slot.cookie);
			slots_.erase(it);
			return;
		default:
			answer_.result = -ENOSYS;
		}
	}

	/* A message of its own with MAP; the errno of it. */
	long offer(const rds_get_mr_args &args)
	{
		reply body;
		body.what = verb::offer;
		message m(&from_, &body, sizeof(body));
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &args, sizeof(args));
		long r = box_.send(m);
		return r < 0 ? r : 0;
	}

	void memlock(const request &r)
	{
		pages memory((r.b + page - 1) / page);
		std::uint64_t cookie = 0;
		limit_locked(r.a);
		{
			unprivileged user;
			answer_.result = offer(region_args(memory.addr(), r.b, &cookie));
			if (!answer_.result)
				free_mr(box_.socket(), cookie);
		}
		limit_locked(RLIM_INFINITY);
	}

	void rounds(const request &r)
	{
		for (std::uint64_t i = 0; i < r.a && !answer_.result; i++) {
			/* fresh each time, so that pages which are lost are missed */
			auto room = std::make_unique<pages>((r.b + page - 1) / page);
			std::uint64_t cookie = 0;
			answer_.result = offer(
				region_args(room->addr(), r.b, &cookie, RDS_RDMA_READWRITE));
			if (answer_.result)
				break;
			answer_.value = i + 1;
			if (!r.c) {
				answer_.result = free_mr(box_.socket(), cookie);
				continue;
			}
			kept_.push_back(cookie);
			rooms_.push_back(std::move(room));
		}
	}

	/* As offer(), from any thread: what comes meanwhile waits. */
	long offer_of_many(const rds_get_mr_args &args)
	{
		reply body;
		body.what = verb::offer;
		message m(&from_, &body, sizeof(body));
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &args, sizeof(args));
		for (stopwatch watch;;) {
			unsigned now = ++under_way_, most = most_;
			while (most < now && !most_.compare_exchange_weak(most, now))
				;
			long r = m.send(box_.socket(), MSG_DONTWAIT);
			under_way_--;
			if ((r != -EAGAIN && r != -ENOBUFS) || watch.ms() > patience_ms)
				return r < 0 ? r : 0;
			box_.socket().poll(POLLOUT, 100);
		}
	}

	/* @times calls of @one, which returns false when its thread is to end, by threads that begin at once. */
	template <typename One>
	void at_once(std::uint64_t times, std::uint64_t threads, One one)
	{
		most_ = 0;
		{
			std::latch begin(static_cast<std::ptrdiff_t>(threads));
			std::vector<std::jthread> all;
			for (std::uint64_t n = 0; n < threads; n++)
				all.emplace_back([&, n] {
					begin.arrive_and_wait();
					for (std::uint64_t i = n; i < times; i += threads)
						if (!one(i))
							break;
				});
		}
		answer_.other = most_;
	}

	void crowd(const request &r)
	{
		struct one {
			std::unique_ptr<pages> room;
			std::uint64_t cookie = 0;
			long result = -ECANCELED;
		};
		std::vector<one> all(r.a);
		at_once(r.a, r.c, [&](std::uint64_t i) {
			one &o = all[i];
			o.room = std::make_unique<pages>((r.b + page - 1) / page);
			o.result = offer_of_many(
				region_args(o.room->addr(), r.b, &o.cookie, RDS_RDMA_READWRITE));
			return !o.result;
		});
		for (one &o : all) {
			if (o.result) {
				answer_.result = o.result;
				continue;
			}
			answer_.value++;
			kept_.push_back(o.cookie);
			rooms_.push_back(std::move(o.room));
		}
	}

	static rds_get_mr_args flawed(flaw what, const pages &memory, const pages &solid,
				      std::uint64_t *cookie)
	{
		switch (what) {
		case flaw::read_only:
			return region_args(solid.addr(), 2 * page, cookie);
		case flaw::half_mapped: /* behind it there is nothing */
			return region_args(memory.addr(page), 2 * page, cookie);
		case flaw::cookie:
			break;
		}
		auto args = region_args(memory.addr(), 2 * page);
		args.cookie_addr = solid.addr();
		return args;
	}

	/* The result is that of all, or of one that had another. */
	void futile(const request &r)
	{
		pages memory(2), solid(2, PROT_READ);
		std::vector<long> results(r.a, -ECANCELED);
		auto run = [&] {
			at_once(r.a, r.c, [&](std::uint64_t i) {
				std::uint64_t cookie = 0;
				results[i] = offer_of_many(
					flawed(static_cast<flaw>(r.b), memory, solid, &cookie));
				return true;
			});
		};
		if (r.d) {
			limit_locked(r.d);
			{
				unprivileged user;
				run();
			}
			limit_locked(RLIM_INFINITY);
		} else {
			run();
		}
		answer_.result = results.empty() ? 0 : results[0];
		for (long result : results)
			if (result != -EFAULT)
				answer_.result = result;
			else
				answer_.value++;
	}

	void huge(std::uint64_t times)
	{
		constexpr std::size_t size = 2 << 20;
		::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
		auto *base = static_cast<std::uint8_t *>(
			::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		auto *aligned = base + (size - address_of(base) % size);
		::madvise(aligned, size, MADV_HUGEPAGE);
		std::memset(aligned, 1, size);
		for (std::uint64_t i = 0; i < times && !answer_.result; i++) {
			std::uint64_t cookie = 0;
			answer_.result = offer(region_args(address_of(aligned) + 123 * i, size / 4,
							   &cookie, RDS_RDMA_READWRITE));
			free_mr(box_.socket(), cookie, RDS_RDMA_INVALIDATE);
		}
		::munmap(base, 2 * size);
		::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	}

	void ping(const std::string &text)
	{
		auto space = text.find(' ');
		auto from = endpoint::parse_address(text.substr(0, space)),
		     to = endpoint::parse_address(text.substr(space + 1));
		if (from && to)
			answer_.result = ping_takes(*from, *to, 5000);
	}

	void spawn(const request &r)
	{
		end_child();
		endpoint at = local_.with_port(static_cast<std::uint16_t>(r.a));
		std::string bind = at.text(), tos = std::to_string(r.b);
		int ends[2];
		if (::pipe(ends)) {
			answer_.result = -errno;
			return;
		}
		child_ = ::fork();
		if (!child_) {
			::dup2(ends[1], 1);
			::close(ends[0]);
			::close(ends[1]);
			::execl("/proc/self/exe", "rds-rdma2", "owner", "--bind", bind.c_str(),
				"--tos", tos.c_str(), nullptr);
			::_exit(2);
		}
		::close(ends[1]);
		char c = 0; /* "ready" */
		if (::read(ends[0], &c, 1) != 1)
			answer_.result = -ECHILD;
		::close(ends[0]);
	}

	void end_child()
	{
		if (child_ <= 0)
			return;
		::kill(child_, SIGKILL);
		::waitpid(child_, nullptr, 0);
		child_ = 0;
	}

	endpoint local_, from_;
	mailbox box_;
	std::map<std::uint64_t, std::unique_ptr<guarded>> slots_;
	std::vector<std::unique_ptr<pages>> rooms_;
	std::vector<std::uint64_t> kept_;
	std::atomic<unsigned> under_way_ = 0, most_ = 0; /* calls of offer_of_many() */
	reply answer_;
	rds_get_mr_args args_{};
	std::uint64_t cookie_ = 0;
	int control_ = 0;
	pid_t child_ = 0;
};

#endif
