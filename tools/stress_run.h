// SPDX-License-Identifier: GPL-2.0
/*
 * The parent of rds-stress: agrees with the peer, starts the tasks, prints a line each second, and
 * ends for one of the reasons there are: the time is over, somebody interrupts, the peer says good-
 * bye; or, as an error, a task fails, the peer reports that or is gone. One thread that waits in
 * one place for all of that.
 */
#ifndef RDS_TOOLS_STRESS_RUN_H
#define RDS_TOOLS_STRESS_RUN_H

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "info_reader.h"
#include "stress_children.h"
#include "stress_connection.h"
#include "stress_control.h"
#include "stress_options.h"
#include "stress_stats.h"

namespace rds_tools::stress {

/* Somebody wants us to end before there is anything to sum up. */
struct interrupted {};

inline void say(const std::string &text)
{
	std::printf("%s\n", text.c_str());
	std::fflush(stdout);
}

/* SIGINT, SIGTERM and the end of children, as something to poll for. */
class signal_source {
public:
	signal_source()
	{
		::sigemptyset(&set_);
		for (int number : {SIGINT, SIGTERM, SIGCHLD})
			::sigaddset(&set_, number);
		::sigprocmask(SIG_BLOCK, &set_, nullptr);
		fd_ = unique_fd(::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
		if (fd_.get() < 0)
			throw failure("signalfd");
	}

	int fd() const { return fd_.get(); }
	/* 0 if there is none (any more) */
	int next()
	{
		signalfd_siginfo info{};
		return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info)
			       ? static_cast<int>(info.ssi_signo)
			       : 0;
	}

private:
	sigset_t set_;
	unique_fd fd_;
};

class session {
public:
	session(const local_options &local, const shared_options &wish)
	    : local_(local), shared_(wish)
	{
		/* a machine without RDS is told so before anything else happens */
		open_rds_socket();
	}

	void run()
	{
		if (local_.peer)
			begin_active();
		else
			begin_passive();
		try {
			talk();
		} catch (const interrupted &) {
			control_->try_send(encode_frame(frame_type::bye));
			throw;
		} catch (const std::exception &e) {
			control_->try_send(encode_frame(frame_type::failed, e.what()));
			throw;
		}
	}

private:
	using deadline = std::optional<steady::time_point>;
	static constexpr auto no_hello = std::chrono::seconds(10);
	static constexpr auto start_delay = std::chrono::seconds(2);
	static constexpr auto half_a_second = std::chrono::milliseconds(500);
	enum class event { time, peer, ready, listener };

	/* ---------------------------------------------------------------- agreement */

	void begin_active()
	{
		endpoint peer = local_.peer->with_port(local_.port);
		shared_.run = std::random_device()() | std::uint64_t{std::random_device()()} << 32;
		say("connecting to " + peer.text());
		connect(peer);
		control_->send(encode_frame(frame_type::options, encode_options(shared_)));

		frame answer = await_frame(std::nullopt);
		if (answer.type == frame_type::refused)
			throw std::runtime_error("the peer refuses: " + answer.text());
		if (answer.type != frame_type::accepted)
			throw std::runtime_error("the peer gives no answer to the options");
	}

	void connect(const endpoint &peer)
	{
		for (std::uint32_t left = local_.connect_retries;; left--) {
			if (auto fd = connect_to(local_.local, peer)) {
				control_.emplace(std::move(*fd));
				return;
			}
			if (!left)
				throw failure("cannot connect to " + peer.text());
			wait_for(steady::now() + std::chrono::seconds(1), -1);
		}
	}

	void begin_passive()
	{
		endpoint any = *endpoint::parse_address("0.0.0.0");
		endpoint at = local_.local.value_or(any).with_port(local_.port);
		unique_fd listener = listen_at(at);

		say("waiting for incoming connection on " + at.text());
		while (!accept_one(listener.get())) {
		}
	}

	/* Anybody may connect: who does not say what he wants is sent away, and the next may come. */
	bool accept_one(int listener)
	{
		control_.reset();
		while (wait_for(std::nullopt, listener) != event::listener) {
		}
		unique_fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
		if (fd.get() < 0)
			return false;
		std::string name = "?";
		try {
			control_.emplace(std::move(fd));
			name = control_->peer().text();
			frame hello = await_frame(steady::now() + no_hello);
			if (hello.type != frame_type::options)
				throw std::runtime_error("the peer does not begin with options");
			take_options(hello);
		} catch (const std::exception &e) {
			std::fprintf(stderr, "rds-stress: connection from %s: %s\n", name.c_str(),
				     e.what());
			if (control_)
				control_->try_send(encode_frame(frame_type::refused, e.what()));
			return false;
		}
		say("accepted connection from " + name + " on " + control_->local().text());
		return true;
	}

	/* The shorter of the two times holds. */
	void take_options(const frame &hello)
	{
		std::uint32_t mine = shared_.seconds;
		shared_ = decode_options(hello.body, local_.port);
		if (mine && (!shared_.seconds || mine < shared_.seconds))
			shared_.seconds = mine;
		control_->send(encode_frame(frame_type::accepted));
	}

	/* ---------------------------------------------------------------- waiting */

	/* One frame, while no task is there yet. */
	frame await_frame(deadline until)
	{
		for (;;) {
			if (auto got = control_->next())
				return *got;
			if (wait_for(until, -1) == event::time)
				throw std::runtime_error("the peer says nothing");
		}
	}

	/*
	 * Returns when the time has come, a frame (or a part of it) or a readiness message is
	 * there, or somebody wants to connect. Throws when we are to end.
	 */
	event wait_for(deadline until, int listener)
	{
		enum { by_signal, by_peer, by_tasks, by_listener };
		for (;;) {
			pollfd polls[] = {{signals_.fd(), POLLIN, 0},
					  {control_ ? control_->fd() : -1, POLLIN, 0},
					  {waiting_for_tasks_ ? tasks_->ready_fd() : -1, POLLIN, 0},
					  {listener, POLLIN, 0}};
			int n = ::poll(polls, std::size(polls), milliseconds_until(until));
			if (n < 0 && errno != EINTR)
				throw failure("poll");
			if (n > 0 && polls[by_signal].revents)
				take_signals();
			if (n > 0 && polls[by_peer].revents) {
				if (!control_->read_some())
					throw std::runtime_error("the peer is gone");
				return event::peer;
			}
			if (n > 0 && polls[by_tasks].revents)
				return event::ready;
			if (n > 0 && polls[by_listener].revents)
				return event::listener;
			if (until && steady::now() >= *until)
				return event::time;
		}
	}

	static int milliseconds_until(deadline until)
	{
		if (!until)
			return -1;
		auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - steady::now());
		return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000000));
	}

	void take_signals()
	{
		while (int number = signals_.next()) {
			if (number != SIGCHLD)
				throw interrupted();
			if ((tasks_ && tasks_->one_has_ended()) || (cpu_ && cpu_->one_has_ended()))
				throw std::runtime_error("a task has failed");
		}
	}

	/* What a frame says once the tasks exist. True for "go". */
	bool take_frames()
	{
		bool go = false;
		while (auto got = control_->next()) {
			switch (got->type) {
			case frame_type::go:
				go = true;
				break;
			case frame_type::bye:
				peer_ended_ = true;
				break;
			case frame_type::failed:
				throw std::runtime_error("the peer has failed: " + got->text());
			default:
				throw std::runtime_error("the peer does not keep to the order");
			}
		}
		return go;
	}

	/* ---------------------------------------------------------------- the run */

	void talk()
	{
		if (local_.show_params)
			say(describe(shared_, local_.port));
		task_place place;
		place.local = control_->local().with_port(local_.port);
		place.peer = control_->peer().with_port(local_.port);
		place.sends = local_.peer || !shared_.one_way;
		place.answers = !local_.peer || !shared_.one_way;
		place.trace = local_.trace;
		place.count_keys = local_.key_o_meter;
		tasks_.emplace(shared_, place, local_.realtime);
		await_go();
		say("negotiated options, tasks will start in 2 seconds");
		pass_delay();
		say("Starting up....");
		if (!peer_ended_) {
			tasks_->release();
			report();
		}
		control_->try_send(encode_frame(frame_type::bye));
		tasks_->end();
	}

	/* Nobody sends before both sides are bound: what finds nobody is lost without a word. */
	void await_go()
	{
		bool ready = false, go = take_frames();

		waiting_for_tasks_ = true;
		while (!peer_ended_ && !(ready && go)) {
			event what = wait_for(std::nullopt, -1);
			if (what == event::ready && tasks_->all_ready()) {
				ready = true;
				waiting_for_tasks_ = false;
				control_->send(encode_frame(frame_type::go));
			}
			go |= take_frames();
		}
		waiting_for_tasks_ = false;
	}

	/* The second half of the delay shows what an idle CPU does. */
	void pass_delay()
	{
		auto end = steady::now() + start_delay;
		if (local_.cpu)
			cpu_.emplace();
		pass_until(end - start_delay / 2);
		if (cpu_)
			cpu_->percent_busy();
		pass_until(end);
		if (cpu_)
			cpu_->calibrate();
	}

	void pass_until(steady::time_point end)
	{
		while (!peer_ended_ && wait_for(end, -1) != event::time)
			take_frames();
	}

	/* ---------------------------------------------------------------- the report */

	struct moment {
		steady::time_point when;
		std::vector<totals> tasks;
		kernel_counters kernel;

		totals sum() const
		{
			totals out;
			for (const auto &task : tasks)
				out += task;
			return out;
		}
	};

	moment look() const
	{
		moment out{steady::now(), tasks_->read(), {}};
		if (local_.show_perfdata)
			for_each_record(read_info(open_rds_socket().get(), rds_level(),
						  RDS_INFO_COUNTERS),
					[&](bytes record) {
						out.kernel.push_back(decode_counter(record));
					});
		return out;
	}

	rates rates_between(const moment &before, const moment &now, double cpu) const
	{
		double seconds = std::chrono::duration<double>(now.when - before.when).count();
		return rates::of(shared_.tasks, now.sum() - before.sum(), seconds, cpu);
	}

	void report()
	{
		if (!local_.summary)
			say(rates_header);
		moment first = look(), before = first;
		if (local_.show_perfdata)
			say(perfdata_header(first.kernel));

		double cpu_sum = 0;
		std::uint32_t lines = 0;
		try {
			while (!peer_ended_ && (!shared_.seconds || lines < shared_.seconds)) {
				/* after a standstill, no lines about nothing */
				auto next = std::max(first.when + std::chrono::seconds(lines + 1),
						     before.when + half_a_second);
				pass_until(next);
				/* the peer's second may be over a moment before ours */
				if (peer_ended_ && steady::now() < next - half_a_second)
					break;
				moment now = look();
				double cpu = cpu_ ? cpu_->percent_busy() : -1;
				cpu_sum += cpu;
				lines++;
				print_line(before, now, cpu);
				before = std::move(now);
			}
		} catch (const interrupted &) {
			/* the usual end of an endless run */
		}
		/* a run that ended within its first second has no line, and no CPU figure */
		double cpu = lines ? cpu_sum / lines : -1;
		sum_up(first, lines ? before : look(), cpu);
	}

	void print_line(const moment &before, const moment &now, double cpu) const
	{
		auto line = rates_between(before, now, cpu);
		if (!local_.summary)
			say(format_rates(line));
		if (local_.show_perfdata) {
			double seconds =
				std::chrono::duration<double>(now.when - before.when).count();
			say(format_perfdata(line, before.kernel, now.kernel, seconds));
		}
		if (!local_.outliers)
			return;
		std::vector<totals> tasks;
		for (std::size_t i = 0; i < now.tasks.size(); i++)
			tasks.push_back(now.tasks[i] - before.tasks[i]);
		std::fputs(format_outliers(tasks, local_.outliers).c_str(), stdout);
		std::fflush(stdout);
	}

	void sum_up(const moment &first, const moment &last, double cpu) const
	{
		if (!local_.summary)
			say("---------------------------------------------");
		say(format_rates(rates_between(first, last, cpu)) + "  (average)");
		if (local_.show_histogram)
			std::fputs(format_histogram(last.sum() - first.sum()).c_str(), stdout);
		/* what was registered before the start is part of it */
		if (local_.key_o_meter)
			std::fputs(format_keys(last.sum()).c_str(), stdout);
		std::fflush(stdout);
	}

	const local_options &local_;
	shared_options shared_;
	signal_source signals_;
	std::optional<control_connection> control_;
	std::optional<cpu_meter> cpu_;
	std::optional<task_group> tasks_;
	bool waiting_for_tasks_ = false, peer_ended_ = false;
};

} // namespace rds_tools::stress

#endif
