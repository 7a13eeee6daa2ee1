// A small prefill-decode gateway that puts libhexagent in charge of vLLM engines; see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve; port 0 picks one")
	path := flag.String("config", "gateway.json", "configuration file")
	flag.Parse()
	if err := serve(*listen, *path); err != nil {
		log.Fatal(err)
	}
}

func serve(listen, path string) error {
	config, err := LoadConfig(path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	gateway, err := NewGateway(ctx, config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: gateway.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(ending)
	}()
	go gateway.Run(ctx, log.Printf)
	log.Printf("serving on %s", listener.Addr()) // scripts read the port from here
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
