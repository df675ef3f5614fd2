// Azure's go-ntlmssp. usage: goclient URL DOMAIN\USER PASSWORD ; prints the HTTP status, and writes the page to the file that CLIENT_BODY names.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	ntlmssp "github.com/Azure/go-ntlmssp"
)

func main() {
	// The test's certificate is signed by itself; HTTP/2 carries no NTLM.
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	client := &http.Client{Transport: ntlmssp.Negotiator{RoundTripper: transport}, Timeout: 30 * time.Second}
	request, err := http.NewRequest("GET", os.Args[1], nil)
	if err != nil {
		fmt.Println("000", err)
		os.Exit(1)
	}
	request.SetBasicAuth(os.Args[2], os.Args[3])
	response, err := client.Do(request)
	if err != nil {
		fmt.Println("000", err)
		os.Exit(1)
	}
	if file := os.Getenv("CLIENT_BODY"); file != "" {
		page, _ := io.ReadAll(response.Body)
		os.WriteFile(file, page, 0o600)
	}
	response.Body.Close()
	fmt.Println(response.StatusCode)
}
