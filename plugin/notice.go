package plugin

import (
	"context"
	"time"
)

// The notices that code gives of the call it runs in.
const (
	NoticeDetach   = "detach"   // it takes longer, about so long
	NoticeProgress = "progress" // so much of it is done
)

type noticeKey struct{}

// WithNotice returns a context of a call in which the code may give notices. notice is safe for concurrent use.
func WithNotice(ctx context.Context, notice func(kind string, d time.Duration)) context.Context {
	return context.WithValue(ctx, noticeKey{}, notice)
}

// Notice is for engines: it hands a notice of the code on to who made the call; nobody may care.
func Notice(ctx context.Context, kind string, d time.Duration) {
	if notice, ok := ctx.Value(noticeKey{}).(func(string, time.Duration)); ok {
		notice(kind, d)
	}
}
