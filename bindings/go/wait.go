package hexagent

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// pollBatch is how many decisions Run takes at once.
const pollBatch = 256

// Wait returns once the scheduler wants attention: in thread driving when decisions wait for Poll, in
// loop driving also when inputs wait for RunOnce or a timer is due. It blocks the goroutine, not a
// thread. It may now and then return for nothing. ErrState in manual driving, ErrClosed after Close.
func (s *Scheduler) Wait(ctx context.Context) error {
	if s.events == nil {
		return ErrState
	}
	err := waitReadable(ctx, s.events)
	if err != nil && ctx.Err() != nil {
		return err
	}
	return s.closedOr(err)
}

// waitReadable waits until a duplicate of an event descriptor is readable, the end of ctx, or the
// descriptor's end.
func waitReadable(ctx context.Context, events *os.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := events.SyscallConn()
	if err != nil {
		return err
	}
	stop := interruptBy(ctx, events)
	// The descriptor is looked at, not read: reading is the library's business.
	err = raw.Read(readable)
	stop()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// interruptBy makes the end of ctx end a wait; the function it returns undoes that.
func interruptBy(ctx context.Context, events *os.File) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	var group sync.WaitGroup
	over := make(chan struct{})
	group.Add(1)
	go func() {
		defer group.Done()
		select {
		case <-ctx.Done():
			events.SetReadDeadline(time.Unix(1, 0))
		case <-over:
		}
	}()
	return func() {
		close(over)
		group.Wait()
		events.SetReadDeadline(time.Time{})
	}
}

// closedOr names the reason of a failed wait; the runtime's own error for a closed file has no name.
func (s *Scheduler) closedOr(err error) error {
	s.lock.RLock()
	defer s.lock.RUnlock()
	if err != nil && s.handle == nil {
		return ErrClosed
	}
	return err
}

// Run hands decisions to handle in batches, oldest first, until Shutdown's last decision (then nil),
// the end of ctx, or an error. In loop driving it also drives the scheduler. handle runs on this
// goroutine, must not keep the slice, and is the place to feed channels.
func (s *Scheduler) Run(ctx context.Context, handle func([]Decision)) error {
	decisions := make([]Decision, pollBatch)
	for {
		if s.loop {
			if _, err := s.RunOnce(0); err != nil && !errors.Is(err, ErrAgain) && !errors.Is(err, ErrClosed) {
				return err
			}
		}
		count, err := s.Poll(decisions)
		switch {
		case errors.Is(err, ErrClosed):
			return nil
		case err != nil:
			return err
		case count > 0:
			handle(decisions[:count])
		default:
			if err := s.Wait(ctx); err != nil {
				return err
			}
		}
	}
}
