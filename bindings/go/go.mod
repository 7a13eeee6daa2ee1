module github.com/libhexagent/libhexagent/bindings/go

go 1.19
