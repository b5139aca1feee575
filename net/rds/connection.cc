// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a lane: state machine, connect, shutdown, reconnect. All transitions but claim,
 * connect_complete and drop are made by one work item, life(), which never runs twice at once;
 * so connecting and shutting down need no lock of their own. Drawn in include/rds/transport.h.
 */
#include <linux/errno.h>

#include "rds.h"

rds_lane::rds_lane(rds_peer *p)
    : rds_connection{},
      c_life_work(kernel::work_thunk<&rds_lane::c_life_work, &rds_lane::life>::call,
		  KERNEL_WORK_LIFE),
      c_send_work(kernel::work_thunk<&rds_lane::c_send_work, &rds_lane::send_run>::call,
		  KERNEL_WORK_SEND),
      c_recv_work(kernel::work_thunk<&rds_lane::c_recv_work, &rds_lane::recv_run>::call,
		  KERNEL_WORK_RECV)
{
	c_peer = p;
}

rds_lane::rds_lane(rds_peer *p, u8 index) : rds_lane(p)
{
	const rds_connection &connection = p->lane0;
	const rds_lane_traits &traits = p->lane0;
	static_cast<rds_connection &>(*this) = connection;
	static_cast<rds_lane_traits &>(*this) = traits;
	c_transport_data = nullptr;
	c_index = index;
	c_rx_life = kernel::read_once(p->life);
}

void rds_lane::queue_work(kernel::work &w, unsigned long delay)
{
	kernel::guard hold(c_lock);
	if (!c_dying)
		w.queue(delay);
}

void rds_lane::drop(rds_conn_why why)
{
	for (;;) {
		int s = state();
		/* DISCONNECTING: what is dropped is being shut down; nothing newer exists */
		if (s == RDS_CONN_DOWN || s == RDS_CONN_ERROR || s == RDS_CONN_DISCONNECTING)
			return;
		if (change_state(s, RDS_CONN_ERROR, why))
			break;
	}
	kernel::guard hold(c_lock);
	if (!c_dying)
		c_life_work.requeue(0);
}

/* A pending back-off delay goes on: a request does not shorten it. */
void rds_lane::connect_if_down()
{
	kernel::full_barrier(); /* against shutdown(): message queued, then state read */
	if (state() != RDS_CONN_DOWN)
		return;
	kernel::write_once(c_want_connect, true);
	queue_work(c_life_work);
}

/* What would call for patience is over. stay_down() sees the mark, if it has not been there. */
void rds_lane::connect_now()
{
	kernel::write_once(c_hurry, true);
	kernel::full_barrier(); /* against shutdown(): mark written, then state read */
	if (state() != RDS_CONN_DOWN)
		return;
	kernel::guard hold(c_lock);
	kernel::write_once(c_want_connect, true);
	if (!c_dying)
		c_life_work.requeue(0);
}

bool rds_lane::claim()
{
	kernel::guard hold(c_lock);
	if (c_dying || state() != RDS_CONN_DOWN)
		return false;
	/* here it is, whoever makes it; one that comes later is for the next */
	kernel::write_once(c_hurry, false);
	if (!change_state(RDS_CONN_DOWN, RDS_CONN_CONNECTING))
		return false;
	/* nothing is being received, and whoever raises it drops us afterwards */
	u32 life = kernel::read_once(c_peer->life);
	if (c_rx_life != life)
		c_rx.restart();
	c_rx_life = life;
	return true;
}

void rds_lane::connect_complete()
{
	/* before any engine can see UP: the map goes first */
	if (c_index == 0) {
		kernel::write_once(c_peer->map_pending, u8{1});
		kernel::write_once(c_peer->agreed, false);
	}
	kernel::write_once(c_up_since, kernel_ticks());
	bool up;
	{
		/* one step, or the wish of a reconnect after this connection would be lost */
		kernel::guard hold(c_lock);
		up = change_state(RDS_CONN_CONNECTING, RDS_CONN_UP);
		if (up)
			kernel::write_once(c_want_connect, false);
	}
	if (!up) {
		drop(RDS_WHY_too_late);
		return;
	}
	/* on each lane: what comes back says that it is somebody's, and whose */
	rds_probe_again(this);
	queue_work(c_send_work);
	queue_work(c_recv_work);
	rds_lanes_continue(c_peer);
}

/* One step; the next one, if any, is queued: a reconnect when its delay is over. */
void rds_lane::life()
{
	if (state() == RDS_CONN_ERROR)
		shutdown();
	else if (state() == RDS_CONN_DOWN && kernel::exchange(c_want_connect, false))
		start_connect();
	else if (c_index == 0 && up() && !knocks())
		rds_lanes_open_asked(c_peer);
}

/* What is waited for has come, perhaps. A pending back-off delay goes on. */
void rds_lane::opened_elsewhere()
{
	kernel::guard hold(c_lock);
	if (!c_dying && kernel::exchange(c_waits, false))
		c_life_work.requeue(0);
}

/*
 * Lane 0 must make the handshake, for who is last in order the lanes before must be open; for a
 * peer that takes streams as they come, and connects, there is nothing to do.
 */
void rds_lane::wait_to_open()
{
	kernel::write_once(c_want_connect, true);
	kernel::write_once(c_waits, true);
	c_peer->lane0.connect_if_down();
	if (!knocks())
		for (unsigned int i = 1; i < c_index; i++) {
			int err;
			if (rds_lane *l = rds_lane_get(c_peer, i, true, &err))
				l->connect_if_down();
		}
	/* it may have come meanwhile; or never does: then time will tell */
	if (may_open())
		queue_work(c_life_work);
	else if (c_peer->lane0.up() || has_messages())
		queue_work(c_life_work, TICKS_PER_SECOND);
}

/*
 * The peer is to connect. It is asked in a probe, which comes through where connections from here
 * do not; who cannot be asked connects all by itself. Until it does, and there is something to
 * send, it is asked again.
 */
void rds_lane::ask_to_open()
{
	if (kernel::read_once(c_peer->asks_for_lanes))
		rds_probe_ask(&c_peer->lane0, static_cast<u8>(1u << c_index), kernel::gfp_kernel);
	kernel::write_once(c_waits, true); /* a new handshake is a reason to ask at once */
	(void)stay_down(true, TICKS_PER_SECOND / 10);
}

void rds_lane::start_connect()
{
	if (!may_open()) {
		wait_to_open();
		return;
	}
	kernel::write_once(c_waits, false);
	if (knocks() && c_index) {
		ask_to_open();
		return;
	}
	if (!claim()) {
		if (state() == RDS_CONN_DOWN) /* dying, perhaps not for good */
			kernel::write_once(c_want_connect, true);
		return;
	}
	if (!c_trans->conn_connect(this))
		return;
	/* else dropped meanwhile: the drop has queued us again */
	if (change_state(RDS_CONN_CONNECTING, RDS_CONN_DOWN, RDS_WHY_connect_failed))
		schedule_reconnect();
}

/*
 * Where only the smaller address connects (TCP), the larger one just knocks, and only while it has
 * something to send (lifecycle.md L8); for lane 0 not faster than the ceiling, since a knock that
 * was heard is answered by a connection, and a lost one made again without being asked; for the
 * others it asks as often as one who connects. The back-off starts anew after a connection on which the peer said
 * something: who accepts and hangs up is not called in a circle.
 */
void rds_lane::schedule_reconnect()
{
	/* against connect_if_down() and connect_now(): state written, then queue and mark read */
	kernel::full_barrier();
	unsigned long delay = rds_tunables.reconnect_max_ticks;
	/* who asks for what he needs does so for lanes that nobody here needs */
	bool on_demand = knocks() || (c_index && c_peer->asks());
	if (kernel::exchange(c_heard, false))
		c_backoff.connected();
	if (!knocks() || c_index)
		delay = c_backoff.next(kernel_random(), rds_tunables.reconnect_min_ticks, delay);

	if (!stay_down(on_demand, delay) || !c_index)
		return;
	/* nobody connects for the handshake of a lane, and the next connection has its own */
	message_list gone;
	{
		kernel::guard hold(c_lock);
		while (rds_message *rm = needed() ? nullptr : c_send.front()) {
			rds_message_unlink(this, rm);
			gone.push_back(rm);
		}
	}
	rds_send_release(gone, RDS_RDMA_DROPPED);
}

/* Nothing asks for a connection. Else there will be one, if there is none by now. */
bool rds_lane::stay_down(bool on_demand, unsigned long delay)
{
	kernel::guard hold(c_lock);
	/* somebody may have claimed it, even lost it again, which has queued us */
	if (state() != RDS_CONN_DOWN)
		return false;
	bool asked = c_index ? needed() : has_messages();
	if (kernel::exchange(c_hurry, false)) {
		kernel::write_once(c_want_connect, true);
		delay = 0;
	}
	if (on_demand && !asked && !kernel::read_once(c_want_connect))
		return true;
	kernel::write_once(c_want_connect, true);
	if (!c_dying)
		c_life_work.requeue(delay);
	return false;
}

void rds_lane::shutdown()
{
	if (!change_state(RDS_CONN_ERROR, RDS_CONN_DISCONNECTING))
		return;
	c_recv_work.cancel();
	rds_stats_inc(rds_s_conn_reset);
	if (c_index == 0)
		kernel::write_once(c_peer->agreed, false);
	{
		kernel::guard hold(c_send_sem); /* engines have left */
		c_trans->conn_shutdown(this);
		reset();
	}
	(void)change_state(RDS_CONN_DISCONNECTING, RDS_CONN_DOWN);
	schedule_reconnect();
	/* what was known of the peer's congestion no longer counts */
	if (c_index == 0)
		rds_cong_changed(c_peer->rn, rds::congmap_all_groups);
}

/* Everything unacknowledged goes back in front, in its order. The receive sequence is kept. */
void rds_lane::reset()
{
	c_send_sem.assert_held();
	rds_message *in_flight = c_xmit_rm;
	c_xmit_rm = nullptr;
	c_xmit_hdr_off = c_xmit_sg = c_xmit_off = c_xmit_rounds = 0;
	c_xmit_rdma_done = c_xmit_atomic_done = false;
	c_acks.reload(rds_tunables.max_unacked_packets, rds_tunables.max_unacked_bytes);
	kernel::write_once(c_blocked, u8{0});
	{
		kernel::guard hold(c_lock);
		c_retrans.each([](rds_message *rm) {
			rm->m_ack_required = 1;
			rm->m_retransmitted = 1;
			/* an ack on the next connection must not match the old number */
			rm->m_has_ack_seq = 0;
		});
		c_send.splice_front(c_retrans);
	}
	if (in_flight)
		rds_message_put(in_flight);
}

/* Steps B to E of the peer's end, see peer.cc. */
void rds_lane::destroy()
{
	{
		kernel::guard hold(c_lock);
		c_dying = true;
	}
	c_life_work.cancel();
	c_send_work.cancel();
	c_recv_work.cancel();
	{
		/* nobody connects or claims any more; completions and drops may still come */
		kernel::guard hold(c_send_sem);
		rds_trace_state(this, state(), RDS_CONN_DISCONNECTING, RDS_WHY_destroyed);
		kernel::write_once(c_state, int{RDS_CONN_DISCONNECTING});
		if (c_transport_data)
			c_trans->conn_shutdown(this);
		reset();
		kernel::store_release(c_state, int{RDS_CONN_DOWN});
		rds_trace_state(this, RDS_CONN_DISCONNECTING, RDS_CONN_DOWN, RDS_WHY_destroyed);
	}
	rds_send_purge(this);
	free_transport();
}

/* What conn_alloc made, if it did. */
void rds_lane::free_transport()
{
	if (c_transport_data)
		c_trans->conn_free(c_transport_data);
	c_transport_data = nullptr;
}

void rds_lane::send_run()
{
	if (up())
		rds_send_xmit(this);
}

void rds_lane::recv_run()
{
	if (!up())
		return;
	int err = c_trans->recv(this);
	if (err == -EAGAIN) {
		rds_stats_inc(rds_s_recv_immediate_retry);
		queue_work(c_recv_work);
	} else if (err == -ENOMEM) {
		rds_stats_inc(rds_s_recv_delayed_retry);
		queue_work(c_recv_work, 2);
	}
}

int rds_conn_state(const rds_connection *conn)
{
	return lane_of(conn)->state();
}

int rds_conn_alive(const rds_connection *conn)
{
	return !kernel::read_once(conn->c_peer->dying);
}

u32 rds_conn_generation(const rds_connection *conn)
{
	return conn->c_peer->rn->generation;
}

/* From none to one, too: it has other modules now. */
void rds_conn_peer_generation(rds_connection *conn, u32 generation)
{
	rds_lane *lane = lane_of(conn);
	if (kernel::exchange(lane->c_peer->peer_gen, generation) == generation)
		return;
	lane->c_rx_life = kernel::add_return(lane->c_peer->life, 1u);
	lane->c_rx.restart();
}

int rds_conn_claim(rds_connection *conn)
{
	return lane_of(conn)->claim();
}

void rds_connect_complete(rds_connection *conn)
{
	lane_of(conn)->connect_complete();
}

void rds_conn_drop(rds_connection *conn)
{
	lane_of(conn)->drop(RDS_WHY_unspecified);
}

void rds_conn_drop_why(rds_connection *conn, rds_conn_why why)
{
	lane_of(conn)->drop(why);
}

void rds_conn_connect_if_down(rds_connection *conn)
{
	lane_of(conn)->connect_if_down();
}

void rds_conn_connect_now(rds_connection *conn)
{
	lane_of(conn)->connect_now();
}

void rds_recv_kick(rds_connection *conn)
{
	rds_lane *lane = lane_of(conn);
	if (lane->up())
		lane->queue_work(lane->c_recv_work);
}

/* The mark is set before xmit is called, so a kick during the call is not lost. */
void rds_send_kick(rds_connection *conn)
{
	rds_lane *lane = lane_of(conn);
	if (kernel::exchange(lane->c_blocked, u8{0}))
		lane->queue_work(lane->c_send_work);
}
