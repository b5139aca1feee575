// SPDX-License-Identifier: GPL-2.0
/*
 * One of the fuzzer's threads: how it makes a call (watched, noted, perhaps with a failing
 * allocation) and which one it makes next. The calls are in fuzz_send.h, fuzz_receive.h and so on.
 */
#ifndef TESTS_PROGRAMS_FUZZ_WORKER_H
#define TESTS_PROGRAMS_FUZZ_WORKER_H

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "fuzz_address.h"
#include "fuzz_control.h"
#include "fuzz_fault.h"
#include "fuzz_judge.h"
#include "fuzz_memory.h"
#include "fuzz_net.h"
#include "fuzz_random.h"
#include "fuzz_world.h"

struct fuzz_options {
	std::uint64_t seed, calls, threads;
	bool churn, fault, trace;
	std::string only;
};

class fuzz_worker {
public:
	fuzz_worker(fuzz_world &world, fuzz_judge &judge, const fuzz_options &options,
		    std::size_t thread)
	    : world_(world),
	      judge_(judge),
	      options_(options),
	      thread_(thread),
	      watch_(judge.watch(thread)),
	      epoll_(::epoll_create1(EPOLL_CLOEXEC))
	{
		watch_.tid = ::gettid();
	}

	void run();

private:
	struct step {
		const char *name;
		unsigned int weight;
		void (fuzz_worker::*make)();
		bool churn;
	};
	static const std::vector<step> &steps();
	void one_step();

	/* Makes a call: watch_.say() has said what it is told. Return: result or negated errno. */
	template <typename F>
	long make(kind k, F call)
	{
		armed_ = options_.fault && r_.one_in(3);
		std::size_t nth = 1 + r_.below(1 + r_.below(50));
		if (options_.trace)
			trace(k);
		watch_.what = k;
		if (armed_)
			::getppid(); /* a late signal for the last call comes now */
		watch_.locked([&] {
			watch_.since = fuzz_now_ms();
			watch_.armed = armed_;
			if (armed_)
				fault_.set(nth);
		});
		errno = 0;
		long result = result_of(call());
		if (armed_)
			fault_.set(0);
		watch_.locked([&] { watch_.since = fuzz_watch::idle; });
		judge_.note(k, result, watch_.about, armed_);
		if (options_.trace)
			std::fprintf(stderr, "%zu  = %s\n", thread_, result_text(result).c_str());
		return result;
	}
	void trace(kind k) const
	{
		std::fprintf(stderr, "%zu %s: %s\n", thread_, row_of(k).name, watch_.about);
	}
	void must(bool holds, const char *condition)
	{
		judge_.must(holds, watch_.what, condition, watch_.about);
	}

	/* A socket to call. */
	std::size_t some_place()
	{
		place_ = r_.below(fuzz_world::places);
		fd_ = fuzz_world::place(place_);
		return place_;
	}

	fuzz_address some_destination() { return destination(r_, place_, world_.where(place_)); }
	/* Where the socket belongs, or anywhere. */
	fuzz_address some_local(std::size_t space)
	{
		fuzz_home home(place_);
		return home.space == space && r_.percent(80) ? home.address
							     : local_address(r_, space);
	}

	/* fuzz_life.h */
	void fresh_socket();
	void prepare(std::size_t space);
	owned_fd use_fresh();
	void wrong_socket();
	void bind_some();
	void connect_some();
	void names();
	void absent();

	/* fuzz_send.h */
	std::size_t length();
	int send_flags();
	long note_send(long result, int flags);
	void send_plain();
	void send_refused();
	void send_pieces();
	void send_many();
	void send_control();
	void send_well();
	void send_with(kind k, const fuzz_control &control, int flags, bool well);
	void splice_some();

	/* fuzz_pressure.h */
	void use_place(std::size_t i);
	void set_value(kind k, int level, int name, int value);
	void send_home(std::size_t to, std::size_t n, int flags);
	void be_late();
	void meet_congestion();
	void send_and_hear();

	/* fuzz_receive.h */
	int receive_flags();
	void note_receive(long result, int flags);
	void receive_plain();
	void receive_message();
	long receive_room(std::size_t n, std::size_t names, std::size_t controls, int flags);
	void receive_many();
	void receive_all();
	void check_message(const msghdr &msg, int flags);
	void check_control(const msghdr &msg);

	/* fuzz_options.h */
	void set_rds();
	void set_mr();
	void set_generic();
	void get_some();
	void get_info();
	void ioctls();
	long set(kind k, int level, int name, const void *data, std::size_t n,
		 bool may_spoil = true);

	/* fuzz_wait.h */
	void wait_some();
	void epoll_some();

	/* fuzz_churn.h */
	void sysctls();
	void change_addresses();
	void bounce_link();
	void new_namespace();
	void end_namespace();

	fuzz_world &world_;
	fuzz_judge &judge_;
	const fuzz_options &options_;
	const std::size_t thread_;
	fuzz_watch &watch_;
	fault_order fault_{::gettid()};
	fuzz_memory memory_;
	fuzz_room name_room_{4096}, control_room_{4096};
	owned_fd epoll_;
	fuzz_random r_{0, 0, 0};
	bool armed_ = false;
	std::size_t place_ = 0;
	int fd_ = -1;
};

inline const std::vector<fuzz_worker::step> &fuzz_worker::steps()
{
	using w = fuzz_worker;
	static const std::vector<step> all = {
		{"fresh", 40, &w::fresh_socket, false},
		{"wrong", 10, &w::wrong_socket, false},
		{"bind", 40, &w::bind_some, false},
		{"connect", 40, &w::connect_some, false},
		{"names", 20, &w::names, false},
		{"absent", 14, &w::absent, false},
		{"send", 220, &w::send_plain, false},
		{"refused", 15, &w::send_refused, false},
		{"pieces", 40, &w::send_pieces, false},
		{"many", 20, &w::send_many, false},
		{"control", 70, &w::send_control, false},
		{"well", 140, &w::send_well, false},
		{"splice", 6, &w::splice_some, false},
		{"late", 12, &w::be_late, false},
		{"congest", 25, &w::meet_congestion, false},
		{"zerocopy", 20, &w::send_and_hear, false},
		{"recv", 100, &w::receive_plain, false},
		{"recvmsg", 200, &w::receive_message, false},
		{"recvmmsg", 70, &w::receive_many, false},
		{"drain", 12, &w::receive_all, false},
		{"set", 90, &w::set_rds, false},
		{"mr", 30, &w::set_mr, false},
		{"generic", 60, &w::set_generic, false},
		{"get", 55, &w::get_some, false},
		{"info", 60, &w::get_info, false},
		{"ioctl", 40, &w::ioctls, false},
		{"wait", 40, &w::wait_some, false},
		{"epoll", 40, &w::epoll_some, false},
		{"sysctl", 20, &w::sysctls, false},
		{"address", 12, &w::change_addresses, true},
		{"link", 6, &w::bounce_link, true},
		{"newns", 4, &w::new_namespace, true},
		{"endns", 6, &w::end_namespace, true},
	};
	return all;
}

inline void fuzz_worker::one_step()
{
	static const auto usable = [](const step &s, const fuzz_options &o) {
		return (!s.churn || o.churn) &&
		       (o.only.empty() ||
			("," + o.only + ",").find("," + std::string(s.name) + ",") != o.only.npos);
	};
	std::size_t sum = 0;
	for (const step &s : steps())
		sum += usable(s, options_) ? s.weight : 0;
	std::size_t dice = r_.below(sum);
	for (const step &s : steps()) {
		if (!usable(s, options_))
			continue;
		if (dice < s.weight)
			return (this->*s.make)();
		dice -= s.weight;
	}
}

inline void fuzz_worker::run()
{
	std::uint64_t share = options_.calls / options_.threads + 1;
	for (place_ = thread_; place_ < fuzz_world::places; place_ += options_.threads) {
		r_ = fuzz_random(options_.seed, thread_, share + place_);
		fd_ = fuzz_world::place(place_);
		fresh_socket();
	}
	for (std::uint64_t i = 0; i < share; i++) {
		r_ = fuzz_random(options_.seed, thread_, i);
		some_place();
		if (r_.one_in(8))
			fuzz_memory::scribble(r_);
		one_step();
	}
}

#endif
