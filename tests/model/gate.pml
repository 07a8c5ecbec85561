/*
 * gate.pml - the gate of a canary and the limit of failures: who judges a wave,
 * when, and what he must have seen.  The snapshots of PostgreSQL (READ
 * COMMITTED) and the locks of the wave's row are explicit: a settlement holds
 * it FOR KEY SHARE from before its statement to its commit, an act of a person
 * and a judgement FOR UPDATE, a claim FOR NO KEY UPDATE.
 *
 * One wave of N migrations; the first K are the canary, the others stand behind
 * the gate: not claimed, and not put into Redis, until it opens.  Two workers.
 * Redis is a bag of ids and what it knows of the wave; windows, backlogs and
 * leases are core.pml's and lease.pml's.
 *
 * Rules (take one out with -DBREAK_...):
 *   AFTER      who settles judges after his commit, in a transaction of its own
 *   LOCK       a judgement holds the wave FOR UPDATE
 *   AGAIN      and decides by what it sees after it has the lock
 *   CLAIM      a claim looks at the gate (OLDPUSH: Redis holds ids of behind it)
 *   PUSH       who opens the gate puts what is behind it into Redis
 *   RECJUDGE   the reconciler judges too: whoever should have, may have died
 *   RECGATE    the reconciler puts nothing into Redis that stands behind the gate
 *   DROP       a claim refused for the gate is dropped, not put back
 *   BAD        a canary of which one is cancelled pauses the wave as one that
 *              failed (CANCEL: a person cancels one of its migrations)
 *   SEEN       a person's word that takes a row out of `failed` (WORD: set to
 *              completed, reset) takes it out of the failures that a resume has
 *              seen, too
 *   RESUME     a resume, like a restart, counts failures anew: those so far do not
 *              pause the wave again
 *   GO         a resume opens the gate where the canary has failed or is completed
 *   ACTJUDGE   an act of a person judges as a settlement does
 *
 * Faults: CRASH  so many times, whoever has committed dies before what should
 * follow (judging, Redis)   OLDPUSH  a program of the previous release, which
 * knows no gate, has put all ids into Redis.  FAILS  how many bodies fail.
 * RECON  passes of the reconciler at any moment; QPASS as in core.pml.
 *
 * Checked: a migration from behind the gate is claimed only when the canary was
 * completed, or a person has let the wave go on; the gate opens only while the
 * canary is completed; a wave that has been judged and runs on has fewer new
 * failures (since a resume or restart) than its limit, and is paused for the
 * limit only if so many are new; it ends once for each run; and when nothing moves any more
 * it has ended, or is paused for a reason, with at most QPASS passes.
 */
#ifndef K
#define K 2
#endif
#ifndef N
#define N 3
#endif
#ifndef LIMIT
#define LIMIT 0            /* 0: none */
#endif
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
#ifndef RESUMES
#define RESUMES 0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif

#ifdef WORD                /* then it may be paused early, never late */
#define WORDS true
#else
#define WORDS false
#endif

#ifdef CANCEL
#define CANCELS true
#else
#define CANCELS false
#endif

/* states of a migration */
#define PEND 0
#define RUN  1
#define DONE 2
#define FAIL 3
#define CANC 4
#define GATED 5            /* answer of a claim, not a state */
/* states of the wave */
#define WRUN 0
#define WPAUSE 1
#define WEND 2
#define NOID 7

/* ---- PostgreSQL, committed ---- */
byte st[4], own[4];
byte wave = WRUN, ver = 1, seen = 0;
bit  shut = (K < N);
byte ended = 0, opened = 1;
bit  fu = 0;               /* the wave's row is locked FOR UPDATE */
byte ks = 0;               /* so many hold it FOR KEY SHARE */

/* ---- Redis ---- */
byte q[4], pc[8];
bit  rp = 0; byte rv = 0;

/* ---- the world, and what is only there to be checked ---- */
byte crash = CRASH, fails = FAILS, recon = RECON, qpass = 0;
bit  new[4];               /* failed since the last resume */
bit  let = 0;              /* the canary was completed, or a person said go on */

#define PC(w,x) pc[(w)*4+(x)]
#define OVER(x) (st[x] >= DONE)
#define F (((st[0]==FAIL)) + ((st[1]==FAIL)) + ((N > 2 && st[2]==FAIL)) + ((N > 3 && st[3]==FAIL)))
#define NEWF (new[0] + new[1] + new[2] + new[3])
#define ALLOVER (OVER(0) && OVER(1) && (N < 3 || OVER(2)) && (N < 4 || OVER(3)))
#define CANARYDONE (st[0]==DONE && (K < 2 || st[1]==DONE))
#define CANARYFAILED (st[0]==FAIL || (K > 1 && st[1]==FAIL))
#define CANARYBAD (st[0]>=FAIL || (K > 1 && st[1]>=FAIL))
#define inc(v) v = ((v) < 2 -> (v)+1 : 2)
#define dec(v) v = ((v) > 0 -> (v)-1 : 0)

/* what one look at the committed rows asks for */
#define END_DUE   (wave != WEND && ALLOVER)
#define LIMIT_DUE (LIMIT > 0 && wave == WRUN && F >= seen + LIMIT)
#define OPEN_DUE  (shut && wave == WRUN && CANARYDONE)
#ifdef BREAK_BAD
#define HALT_DUE  (shut && wave == WRUN && CANARYFAILED)
#else
#define HALT_DUE  (shut && wave == WRUN && CANARYBAD)
#endif

inline facts(v, p) {
	if :: v >= rv -> rv = v; rp = p :: else fi
}
inline push_rest() {
	if :: K < 2 && N > 1 && st[1] == PEND -> inc(q[1]) :: else fi;
	if :: K < 3 && N > 2 && st[2] == PEND -> inc(q[2]) :: else fi;
	if :: K < 4 && N > 3 && st[3] == PEND -> inc(q[3]) :: else fi
}

/* what was decided is written; `d` are the four decisions of one look */
inline decide(de, dl, do_, dh) { de = END_DUE; dl = LIMIT_DUE; do_ = OPEN_DUE; dh = HALT_DUE }
inline write(de, dl, do_, dh, pushes) {
	pushes = 0;
	if
	:: de -> if :: wave != WEND -> wave = WEND; ver++; ended++; assert(ended <= opened) :: else fi
	:: else ->
		if
		:: (dl || dh) && wave == WRUN ->
			assert(dh || F >= seen + LIMIT);      /* not for failures that were seen */
			assert(dh || NEWF >= LIMIT || WORDS);
			/* nor again for a canary that a person has seen fail */
			assert(dl || new[0] || (K > 1 && new[1]) || RESTARTS || CANCELS);
			wave = WPAUSE; ver++
		:: !((dl || dh) && wave == WRUN) && do_ && shut ->
			assert(CANARYDONE); shut = 0; ver++; let = 1; pushes = 1
		:: else
		fi
	fi;
	v = ver; p = (wave == WPAUSE)
}

/*
 * A judgement: a look without a lock, then the lock, another look and what
 * follows from it; after the commit Redis.  Uses v p de dl do_ dh pushes of its
 * process.
 */
inline judge(gone) {
	d_step { decide(de, dl, do_, dh) };
	if
	:: de || dl || do_ || dh ->
#ifndef BREAK_LOCK
		atomic { !fu && !ks -> fu = 1 };
#endif
		atomic {
#if !defined(BREAK_AGAIN) && !defined(BREAK_LOCK)
			decide(de, dl, do_, dh);
#endif
			write(de, dl, do_, dh, pushes);
			assert(LIMIT == 0 || wave != WRUN || NEWF < LIMIT);
			fu = 0; de = 0; dl = 0; do_ = 0; dh = 0
		};
		if
		:: true
		:: atomic { crash -> crash--; pushes = 0; goto gone }
		fi;
		atomic {
			facts(v, p);
#ifndef BREAK_PUSH
			if :: pushes -> push_rest() :: else fi;
#endif
			pushes = 0
		}
	:: else
	fi
}

proctype Worker(byte w) {
	byte x = NOID, s = 0, v = 0, o = DONE; bit p = 0, de = 0, dl = 0, do_ = 0, dh = 0, pushes = 0;
end_i:	atomic { x = NOID; s = 0; v = 0; p = 0; o = DONE; pushes = 0 };
end_w:	if
	:: atomic { !rp && q[0] -> dec(q[0]); x = 0; inc(PC(w,0)) }
	:: atomic { !rp && q[1] -> dec(q[1]); x = 1; inc(PC(w,1)) }
	:: atomic { !rp && q[2] -> dec(q[2]); x = 2; inc(PC(w,2)) }
	:: atomic { !rp && q[3] -> dec(q[3]); x = 3; inc(PC(w,3)) }
	:: atomic { PC(w,0) -> x = 0 }                         /* left by one who died */
	:: atomic { PC(w,1) -> x = 1 }
	:: atomic { PC(w,2) -> x = 2 }
	:: atomic { PC(w,3) -> x = 3 }
	fi;
	/* claim: FOR NO KEY UPDATE waits for FOR UPDATE only */
	atomic { !fu ->
		v = ver; p = (wave == WPAUSE); s = st[x];
		if
#ifdef BREAK_CLAIM
		:: s == PEND && wave == WRUN ->
#else
		:: s == PEND && wave == WRUN && (x < K || !shut) ->
#endif
			assert(x < K || let);                  /* nothing of behind the gate before it opened */
			st[x] = RUN; own[x] = w
		:: else ->
			if :: s == PEND && x >= K && shut -> s = GATED :: else fi;
			goto lua
		fi
	};
	/* body */
	if
	:: o = DONE
	:: atomic { fails -> fails--; o = FAIL }
	fi;
	atomic { !fu -> ks++ };
#ifdef BREAK_AFTER
	/* the judgement stands in the settlement: its own row counts, another's only if committed */
	d_step {
		s = st[x]; st[x] = o; decide(de, dl, do_, dh); st[x] = s; s = 0
	};
	atomic {
		st[x] = o; new[x] = (o == FAIL); ks--;
		write(de, dl, do_, dh, pushes); de = 0; dl = 0; do_ = 0; dh = 0
	};
	atomic { facts(v, p); if :: pushes -> push_rest() :: else fi; pushes = 0 };
#else
	atomic { st[x] = o; new[x] = (o == FAIL); ks--; v = ver; p = (wave == WPAUSE) };
	if
	:: true
	:: atomic { crash -> crash--; goto end_i }
	fi;
	judge(end_i);
#endif
	s = DONE;
lua:	atomic {
		facts(v, p); dec(PC(w,x));
		if
		:: s == PEND -> inc(q[x])
#ifdef BREAK_DROP
		:: s == GATED -> inc(q[x])
#endif
		:: else
		fi
	};
	goto end_i
}

/* a person lets a paused wave go on */
proctype Resume() {
	byte n = RESUMES, v = 0; bit p = 0, de = 0, dl = 0, do_ = 0, dh = 0, pushes = 0;
end_r:	do
	:: atomic { n && wave == WPAUSE && !fu && !ks ->
		n--; wave = WRUN; ver++;
#ifndef BREAK_RESUME
		seen = F;
#endif
		new[0] = 0; new[1] = 0; new[2] = 0; new[3] = 0;
#ifndef BREAK_GO           /* the person has seen that the canary failed, and says go on all the same */
		if :: shut && (CANARYBAD || CANARYDONE) -> shut = 0; let = 1; pushes = 1 :: else fi;
#endif
		v = ver };
	   if
	   :: true
	   :: atomic { crash -> crash--; pushes = 0; goto end_r }
	   fi;
	   atomic { facts(v, 0); if :: pushes -> push_rest() :: else fi; pushes = 0 };
#ifndef BREAK_ACTJUDGE
	   judge(end_r);
#endif
	   v = 0; p = 0
	od
}

/* a person restarts what has failed or was cancelled; with REDO what has completed, too */
#ifdef REDO
#define AGAIN(x) (st[x] >= DONE)
#else
#define AGAIN(x) (st[x] >= FAIL)
#endif
proctype Restart() {
	byte n = RESTARTS, x = 0, v = 0; bit p = 0;
end_s:	do
	:: atomic { n && AGAIN(0) && !fu && !ks -> x = 0; n--; goto pg }
	:: atomic { n && AGAIN(1) && !fu && !ks -> x = 1; n--; goto pg }
	:: atomic { n && N > 2 && AGAIN(2) && !fu && !ks -> x = 2; n--; goto pg }
	od;
pg:	atomic {
		fu = 1;
		st[x] = PEND; seen = F; ver++;
		new[0] = 0; new[1] = 0; new[2] = 0; new[3] = 0;
		if :: wave == WEND -> wave = WRUN; opened++ :: else fi;
		v = ver; p = (wave == WPAUSE)
	};
	fu = 0;
	if
	:: true
	:: atomic { crash -> crash--; goto end_s }
	fi;
	atomic { facts(v, p); if :: x < K || !shut -> inc(q[x]) :: else fi; v = 0; p = 0; x = 0 };
	goto end_s
}

/* a person says that what failed is completed */
proctype Word() {
	byte n = 2, x = 0, v = 0; bit p = 0, de = 0, dl = 0, do_ = 0, dh = 0, pushes = 0;
end_d:	do
	:: atomic { n && st[0] == FAIL && !fu && !ks -> x = 0; n--; goto pg }
	:: atomic { n && st[1] == FAIL && !fu && !ks -> x = 1; n--; goto pg }
	od;
pg:	atomic {
#ifndef BREAK_SEEN
		dec(seen);
#endif
		st[x] = DONE; new[x] = 0; ver++; v = ver; p = (wave == WPAUSE)
	};
	if
	:: true
	:: atomic { crash -> crash--; goto end_d }
	fi;
	atomic { facts(v, p) };
#ifndef BREAK_ACTJUDGE
	judge(end_d);
#endif
	x = 0; v = 0; p = 0;
	goto end_d
}

/* a person may cancel a migration of the canary that has not begun */
proctype Cancel() {
	byte n = 1, v = 0; bit p = 0, de = 0, dl = 0, do_ = 0, dh = 0, pushes = 0;
end_k:	do
	:: atomic { n && st[0] == PEND && !fu && !ks -> n = 0; st[0] = CANC; ver++; v = ver; p = (wave == WPAUSE) };
	   if
	   :: true
	   :: atomic { crash -> crash--; goto end_k }
	   fi;
	   atomic { facts(v, p) };
#ifndef BREAK_ACTJUDGE
	   judge(end_k)
#endif
	od
}

#define NOWHERE(x) (!q[x] && !PC(0,x) && !PC(1,x))
#define REDISEMPTY (NOWHERE(0) && NOWHERE(1) && NOWHERE(2) && NOWHERE(3))
#ifdef OLDPUSH             /* what the old program pushed may lie there: its claim is refused */
#define NOGATED true
#else
#define NOGATED (!shut || ((K > 1 || NOWHERE(1)) && (K > 2 || NOWHERE(2)) && NOWHERE(3)))
#endif
#define PAUSED (wave == WPAUSE && rp && NOGATED && st[0] != RUN && st[1] != RUN && st[2] != RUN && st[3] != RUN)
#define FINISHED ((wave == WEND && ALLOVER && REDISEMPTY && ended == opened) || PAUSED)

proctype Reconciler() {
	byte v = 0; bit p = 0, de = 0, dl = 0, do_ = 0, dh = 0, pushes = 0;
	bit n0 = 0, n1 = 0, n2 = 0, n3 = 0;
end_c:	if
	:: atomic { recon -> recon-- }
	:: atomic { timeout && FINISHED -> goto over }
	:: atomic { timeout && !FINISHED -> qpass++; assert(qpass <= QPASS) }
	fi;
#ifndef BREAK_RECJUDGE
	judge(end_c);
#endif
	/* Redis first, then PostgreSQL: what is pending, may be claimed and is nowhere */
	d_step { n0 = NOWHERE(0); n1 = NOWHERE(1); n2 = N > 2 && NOWHERE(2); n3 = N > 3 && NOWHERE(3) };
	d_step {
#ifdef BREAK_RECGATE
		n0 = n0 && st[0]==PEND; n1 = n1 && st[1]==PEND; n2 = n2 && st[2]==PEND; n3 = n3 && st[3]==PEND;
#else
		n0 = n0 && st[0]==PEND; n1 = n1 && st[1]==PEND && (K > 1 || !shut);
		n2 = n2 && st[2]==PEND && (K > 2 || !shut); n3 = n3 && st[3]==PEND && !shut;
#endif
		v = ver; p = (wave == WPAUSE)
	};
	d_step {
		facts(v, p);
		if :: n0 -> inc(q[0]) :: else fi;
		if :: n1 -> inc(q[1]) :: else fi;
		if :: n2 -> inc(q[2]) :: else fi;
		if :: n3 -> inc(q[3]) :: else fi;
		n0 = 0; n1 = 0; n2 = 0; n3 = 0; v = 0; p = 0
	};
	goto end_c;
over:	skip
}

init {
	atomic {
		rv = 1;
		q[0] = 1; q[1] = (K > 1); q[2] = (K > 2);
#ifdef OLDPUSH
		q[1] = 1; q[2] = (N > 2); q[3] = (N > 3);
#endif
		run Worker(0); run Worker(1);
#if RESUMES
		run Resume();
#endif
#if RESTARTS
		run Restart();
#endif
#ifdef WORD
		run Word();
#endif
#ifdef CANCEL
		run Cancel();
#endif
		run Reconciler()
	}
}
