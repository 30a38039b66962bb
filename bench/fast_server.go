// Two small servers for the benchmark: an MCP server that costs next to nothing, and a gate that answers an
// authorization subrequest at once.
//
//	fast_server upstream PORT
//	fast_server gate PORT TOKEN
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

const meta = `{"io.modelcontextprotocol/serverInfo":{"name":"fast","version":"1"}}`
const cache = `"ttlMs":0,"cacheScope":"private","resultType":"complete","_meta":` + meta
const tools = `{"tools":[{"name":"echo","description":"Return the text.","inputSchema":` +
	`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}],` + cache + `}`
const discovered = `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},` + cache + `}`

type call struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Arguments struct {
			Text string `json:"text"`
		} `json:"arguments"`
	} `json:"params"`
}

func upstream(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked call
	if r.Method != http.MethodPost || json.Unmarshal(body, &asked) != nil {
		http.Error(w, "POST one JSON-RPC request", http.StatusBadRequest)
		return
	}
	switch asked.Method {
	case "tools/call":
		text, _ := json.Marshal(asked.Params.Arguments.Text)
		reply(w, http.StatusOK, asked.ID, `"result":{"content":[{"type":"text","text":`+string(text)+
			`}],"isError":false,"resultType":"complete","_meta":`+meta+`}`)
	case "tools/list":
		reply(w, http.StatusOK, asked.ID, `"result":`+tools)
	case "server/discover":
		reply(w, http.StatusOK, asked.ID, `"result":`+discovered)
	default:
		reply(w, http.StatusNotFound, asked.ID, `"error":{"code":-32601,"message":"Method not found"}`)
	}
}

func reply(w http.ResponseWriter, status int, id json.RawMessage, rest string) {
	if id == nil {
		id = json.RawMessage("null")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(id)+`,`+rest+`}`)
}

func gate(token string) http.HandlerFunc {
	wanted := "Bearer " + token
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != wanted {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func main() {
	address := "127.0.0.1:" + os.Args[2]
	if os.Args[1] == "gate" {
		log.Fatal(http.ListenAndServe(address, gate(os.Args[3])))
	}
	log.Fatal(http.ListenAndServe(address, http.HandlerFunc(upstream)))
}
