/*
 * deps.pml - migrations that wait for others of their wave.  Snapshots (READ
 * COMMITTED) and the locks of the wave's row are explicit, as in gate.pml.
 *
 * Migration 2 waits for 0 and 1, migration 3 for 2.  What waits is `blocked`
 * and not in Redis.  A settlement of what others wait for leaves a reminder in
 * its own transaction; a judgement after it, under the wave's lock, takes the
 * reminders away and makes what waited pending, or cancelled (and what hangs on
 * that, too); then Redis is told.
 *
 * Rules (take one out with -DBREAK_...):
 *   AFTER     the judgement is a transaction of its own after the settlement's
 *   LOCK      it holds the wave FOR UPDATE
 *   AGAIN     and decides by what it sees after it has the lock
 *   REMIND    the reminder is written with the settlement, not after it (CRASH)
 *   RECJUDGE  the reconciler judges where it finds reminders
 *   CASCADE   what is cancelled for its dependency cancels what hangs on it
 *   BACK      what is restarted goes back to `blocked` where its dependencies are
 *             not completed; the restart leaves the reminder of those that are
 *             over (RESTART: nobody else would ever judge it)
 *   ACTJUDGE  an act of a person judges as a settlement does
 *   PUSH      who made something pending puts it into Redis
 *
 * Faults: CRASH, RECON, QPASS, FAILS, RESTARTS as in gate.pml; KILL a person
 * ends a migration that has not begun.
 */
#ifndef FAILS
#define FAILS 0
#endif
#ifndef CRASH
#define CRASH 0
#endif
#ifndef RECON
#define RECON 0
#endif
#ifndef QPASS
#define QPASS 0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif

/* states of a migration: DONE and above are over */
#define BLOCK 0
#define PEND 1
#define RUN  2
#define DONE 3
#define FAIL 4
#define CANC 5
#define WRUN 0
#define WEND 1

/* ---- PostgreSQL, committed ---- */
byte st[4], wave = WRUN, ended = 0, opened = 1;
bit  un[4];                /* reminders: over, and what waits for it was not judged */
bit  fu = 0; byte ks = 0;
/* ---- Redis: ids to be claimed, and what a worker has taken ---- */
byte q[4], pc[8];
/* ---- the world ---- */
byte crash = CRASH, fails = FAILS, recon = RECON, qpass = 0;

#define PC(w,x) pc[(w)*4+(x)]
#define OVER(x) (st[x] >= DONE)
#define BAD(x)  (st[x] > DONE)
#define ALLOVER (OVER(0) && OVER(1) && OVER(2) && OVER(3))
#define inc(v) v = ((v) < 2 -> (v)+1 : 2)
#define dec(v) v = ((v) > 0 -> (v)-1 : 0)

/* what a look finds: 2 and 3 to be unblocked or cancelled, the end */
#define FREE2 (st[2]==BLOCK && st[0]==DONE && st[1]==DONE && (un[0] || un[1]))
#define DROP2 (st[2]==BLOCK && ((un[0] && BAD(0)) || (un[1] && BAD(1))))
#define FREE3 (st[3]==BLOCK && st[2]==DONE && un[2])
#define DROP3 (st[3]==BLOCK && un[2] && BAD(2))
#define DUE   (un[0] || un[1] || un[2] || (wave == WRUN && ALLOVER))

inline decide(f2, d2, f3, d3, e) {
	f2 = FREE2; d2 = DROP2; f3 = FREE3; d3 = DROP3;
#ifndef BREAK_CASCADE
	d3 = d3 || (d2 && st[3]==BLOCK);
#endif
	e = (wave == WRUN && (OVER(0)) && (OVER(1)) && (d2 || OVER(2)) && (d3 || OVER(3)))
}
inline write(f2, d2, f3, d3, e) {
	if :: f2 -> assert(st[0]==DONE && st[1]==DONE); st[2] = PEND :: else fi;
	if :: d2 -> assert(st[2]==BLOCK); st[2] = CANC :: else fi;
	if :: f3 -> assert(st[2]==DONE); st[3] = PEND :: else fi;
	if :: d3 -> assert(st[3]==BLOCK); st[3] = CANC :: else fi;
	if :: e && wave == WRUN -> wave = WEND; ended++; assert(ended <= opened) :: else fi
}
inline judge(gone) {
	d_step { j = DUE; decide(f2, d2, f3, d3, e) };
	if
	:: j ->
#ifndef BREAK_LOCK
		atomic { !fu && !ks -> fu = 1 };
#endif
		d_step {
#if !defined(BREAK_AGAIN) && !defined(BREAK_LOCK)
			decide(f2, d2, f3, d3, e);
#endif
			write(f2, d2, f3, d3, e);
			un[0] = 0; un[1] = 0; un[2] = 0;
			fu = 0; d2 = 0; d3 = 0; e = 0
		};
		if
		:: true
		:: atomic { crash -> crash--; f2 = 0; f3 = 0; goto gone }
		fi;
#ifndef BREAK_PUSH
		d_step {
			if :: f2 -> inc(q[2]) :: else fi;
			if :: f3 -> inc(q[3]) :: else fi
		};
#endif
		f2 = 0; f3 = 0
	:: else
	fi;
	d_step { j = 0; f2 = 0; d2 = 0; f3 = 0; d3 = 0; e = 0 }
}

proctype Worker(byte w) {
	byte x = 0, o = DONE; bit j = 0, f2 = 0, d2 = 0, f3 = 0, d3 = 0, e = 0;
end_i:	atomic { x = 0; o = DONE };
end_w:	if
	:: atomic { q[0] -> dec(q[0]); x = 0; inc(PC(w,0)) }
	:: atomic { q[1] -> dec(q[1]); x = 1; inc(PC(w,1)) }
	:: atomic { q[2] -> dec(q[2]); x = 2; inc(PC(w,2)) }
	:: atomic { q[3] -> dec(q[3]); x = 3; inc(PC(w,3)) }
	:: atomic { PC(w,0) -> x = 0 }
	:: atomic { PC(w,1) -> x = 1 }
	:: atomic { PC(w,2) -> x = 2 }
	:: atomic { PC(w,3) -> x = 3 }
	fi;
	atomic { !fu ->
		if
		:: st[x] == PEND && wave == WRUN -> st[x] = RUN
		:: else -> goto lua
		fi
	};
	if
	:: o = DONE
	:: atomic { fails -> fails--; o = FAIL }
	fi;
	atomic { !fu -> ks++ };
#ifdef BREAK_AFTER
	/* the settlement judges by its own row and by what others have committed */
	d_step { st[x] = o; un[x] = (x < 3); decide(f2, d2, f3, d3, e); st[x] = RUN; un[x] = 0 };
	atomic { st[x] = o; ks--; write(f2, d2, f3, d3, e);
		if :: f2 -> inc(q[2]) :: else fi;
		if :: f3 -> inc(q[3]) :: else fi };
#else
#ifdef BREAK_REMIND
	atomic { st[x] = o; ks-- };
	if
	:: atomic { un[x] = (x < 3) }
	:: atomic { crash -> crash--; goto end_i }
	fi;
#else
	atomic { st[x] = o; un[x] = (x < 3); ks-- };
#endif
	if
	:: true
	:: atomic { crash -> crash--; goto end_i }
	fi;
	judge(end_i);
#endif
lua:	atomic { dec(PC(w,x)) };
	goto end_i
}

/* a person restarts what is over */
#define FIRST(x) ((x == 2 && !(st[0]==DONE && st[1]==DONE)) || (x == 3 && st[2] != DONE))
proctype Restart() {
	byte n = RESTARTS, x = 0; bit j = 0, f2 = 0, d2 = 0, f3 = 0, d3 = 0, e = 0, p = 0;
end_s:	do
	:: atomic { n && OVER(0) && !fu && !ks -> x = 0; goto pg }
	:: atomic { n && OVER(2) && !fu && !ks -> x = 2; goto pg }
	:: atomic { n && OVER(3) && !fu && !ks -> x = 3; goto pg }
	od;
pg:	atomic {
		n--;
#ifdef BREAK_BACK
		st[x] = (FIRST(x) -> BLOCK : PEND);
#else
		if
		:: FIRST(x) -> st[x] = BLOCK;
			if
			:: x == 2 -> un[0] = un[0] || OVER(0); un[1] = un[1] || OVER(1)
			:: else -> un[2] = un[2] || OVER(2)
			fi
		:: else -> st[x] = PEND
		fi;
#endif
		if :: x < 3 -> un[x] = 0 :: else fi;       /* it is not over any more */
		p = (st[x] == PEND);
		if :: wave == WEND -> wave = WRUN; opened++ :: else fi
	};
	if
	:: true
	:: atomic { crash -> crash--; p = 0; goto end_s }
	fi;
	atomic { if :: p -> inc(q[x]) :: else fi; p = 0; x = 0 };
#ifndef BREAK_ACTJUDGE
	judge(end_s);
#endif
	goto end_s
}

/* a person ends what has not begun */
proctype Kill() {
	byte n = 1, x = 0; bit j = 0, f2 = 0, d2 = 0, f3 = 0, d3 = 0, e = 0;
end_k:	do
	:: atomic { n && (st[0] < RUN) && !fu && !ks -> n = 0; st[0] = FAIL; un[0] = 1 };
		goto told
	:: atomic { n && (st[2] < RUN) && !fu && !ks -> n = 0; st[2] = FAIL; un[2] = 1 };
		goto told
	od;
told:	if
	:: true
	:: atomic { crash -> crash--; goto end_k }
	fi;
#ifndef BREAK_ACTJUDGE
	judge(end_k);
#endif
	goto end_k
}

#define NOWHERE(x) (!q[x] && !PC(0,x) && !PC(1,x))
#define FINISHED (wave == WEND && ALLOVER && ended == opened && NOWHERE(0) && NOWHERE(1) && NOWHERE(2) && NOWHERE(3))

proctype Reconciler() {
	bit j = 0, f2 = 0, d2 = 0, f3 = 0, d3 = 0, e = 0, n0 = 0, n1 = 0, n2 = 0, n3 = 0;
end_c:	if
	:: atomic { recon -> recon-- }
	:: atomic { timeout && FINISHED -> goto over }
	:: atomic { timeout && !FINISHED -> qpass++; assert(qpass <= QPASS) }
	fi;
#ifndef BREAK_RECJUDGE
	judge(end_c);
#endif
	d_step { n0 = NOWHERE(0); n1 = NOWHERE(1); n2 = NOWHERE(2); n3 = NOWHERE(3) };
	d_step { n0 = n0 && st[0]==PEND; n1 = n1 && st[1]==PEND; n2 = n2 && st[2]==PEND; n3 = n3 && st[3]==PEND };
	d_step {
		if :: n0 -> inc(q[0]) :: else fi;
		if :: n1 -> inc(q[1]) :: else fi;
		if :: n2 -> inc(q[2]) :: else fi;
		if :: n3 -> inc(q[3]) :: else fi;
		n0 = 0; n1 = 0; n2 = 0; n3 = 0
	};
	goto end_c;
over:	skip
}

init {
	atomic {
		st[0] = PEND; st[1] = PEND; q[0] = 1; q[1] = 1;
		run Worker(0); run Worker(1);
#if RESTARTS
		run Restart();
#endif
#ifdef KILL
		run Kill();
#endif
		run Reconciler()
	}
}
