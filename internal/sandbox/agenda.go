package sandbox

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// agenda runs jobs when they are due, on a bounded pool. Everything that
// happens by itself (an order's course, a repeated push) is a job on it, so
// that ten thousand orders are ten thousand small entries and not as many
// goroutines and timers.
type agenda struct {
	now  func() time.Time
	wake chan struct{} // holds one token when the head may have changed

	mu    sync.Mutex
	queue jobQueue
	added uint64
	open  int           // jobs queued or running
	idle  chan struct{} // closed while open is 0
}

type job struct {
	due  time.Time
	seq  uint64 // keeps jobs that are due at once in their order
	work func(context.Context)
}

func newAgenda(now func() time.Time) *agenda {
	a := &agenda{now: now, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	close(a.idle)
	return a
}

// add puts work on the agenda; it never blocks.
func (a *agenda) add(due time.Time, work func(context.Context)) {
	a.mu.Lock()
	if a.open == 0 {
		a.idle = make(chan struct{})
	}
	a.open++
	a.added++
	heap.Push(&a.queue, job{due: due, seq: a.added, work: work})
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// wait returns once nothing is queued or running, with ErrClosed once closed
// is closed, or with ctx's error.
func (a *agenda) wait(ctx context.Context, closed <-chan struct{}) error {
	for {
		a.mu.Lock()
		open, idle := a.open, a.idle
		a.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-closed:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run works the agenda off until ctx ends, then waits for the jobs that are
// running; what is still queued is dropped.
func (a *agenda) run(ctx context.Context, workers int) {
	handOver := make(chan job)
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for j := range handOver {
				j.work(ctx)
				a.finish()
			}
		})
	}
	defer pool.Wait()
	defer close(handOver)
	for ctx.Err() == nil {
		next, delay, ready := a.next()
		if !ready {
			a.sleep(ctx, delay)
			continue
		}
		select {
		case handOver <- next:
		case <-ctx.Done():
			return
		}
	}
}

// next takes the first job that is due; else delay says when to look again,
// below zero when the queue is empty.
func (a *agenda) next() (next job, delay time.Duration, ready bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		return job{}, -1, false
	}
	if delay = a.queue[0].due.Sub(a.now()); delay > 0 {
		return job{}, delay, false
	}
	return heap.Pop(&a.queue).(job), 0, true
}

func (a *agenda) sleep(ctx context.Context, delay time.Duration) {
	var due <-chan time.Time
	if delay >= 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-a.wake:
	case <-ctx.Done():
	}
}

func (a *agenda) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open--; a.open == 0 {
		close(a.idle)
	}
}

// jobQueue is a heap by due time.
type jobQueue []job

func (q jobQueue) Len() int      { return len(q) }
func (q jobQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q jobQueue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].seq < q[j].seq
	}
	return q[i].due.Before(q[j].due)
}
func (q *jobQueue) Push(x any) { *q = append(*q, x.(job)) }
func (q *jobQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = job{}
	*q = old[:len(old)-1]
	return last
}
