import time, json
from tests.functions.api.conftest import *

def show(name, r, t0=None):
    print("##", name, r.status_code, r.text[:300], dict(r.headers).get("x-request-id"), f"{time.time()-t0:.2f}" if t0 else "")

def test_exp(client, somebody, logged):
    h = somebody.headers
    A = "/api/analysis/analyze"
    def post(name, **k):
        t0=time.time()
        try:
            r = client.post(A, **k)
            show(name, r, t0)
        except BaseException as e:
            print("##", name, "RAISED", repr(e)[:300])
    post("ok", json={"post_urls":[POST_URL]}, headers=h)
    post("notjson", content=b"{", headers=h|{"content-type":"application/json"})
    post("deep", content=b'{"post_urls":'+b"["*100000, headers=h|{"content-type":"application/json"})
    post("deep2", content=b'{"post_urls":'+b"["*100000+b"]"*100000+b"}", headers=h|{"content-type":"application/json"})
    post("latin", content=b'{"post_urls":["\xff"]}', headers=h|{"content-type":"application/json"})
    post("hugeint", content=b'{"post_urls":['+b"9"*10000+b"]}", headers=h|{"content-type":"application/json"})
    post("noct", content=b'{"post_urls":["x"]}', headers=h)
    post("surr", content=b'{"post_urls":["\\ud800"]}', headers=h|{"content-type":"application/json"})
    post("surrkey", content=b'{"\\ud800":["a"]}', headers=h|{"content-type":"application/json"})
    post("nul", content=b'{"post_urls":["\\u0000"]}', headers=h|{"content-type":"application/json"})
    post("manyints", content=b'{"post_urls":['+b",".join([b"1"]*400000)+b"]}", headers=h|{"content-type":"application/json"})
    post("10000", json={"post_urls":["a"]*10000}, headers=h)
    post("manykeys", content=json.dumps({f"k{i}":1 for i in range(70000)}).encode(), headers=h|{"content-type":"application/json"})
    post("5mb", content=b'{"post_urls":["'+b"a"*5_000_000+b'"]}', headers=h|{"content-type":"application/json"})
    post("5mb chunked", content=iter([b'{"post_urls":["']+[b"a"*1_000_000]*5+[b'"]}']), headers=h|{"content-type":"application/json"})
    post("5mb notoken", content=b'{"post_urls":["'+b"a"*5_000_000+b'"]}', headers={"content-type":"application/json"})
    post("notjson notoken", content=b'{', headers={"content-type":"application/json"})
    for p in ("/nope","/api/nope","/docs","/docs/","/openapi.json","/redoc","/","/health","/api/analysis/requests/abc", "/api/analysis/requests?page=99999999999999999999999999999999999999", "/api/analysis/requests?page=10000"):
        show(p, client.get(p, headers=h))
    show("405", client.get(A, headers=h))
    show("head", client.head("/health/"))
    for l in logged(): print(json.dumps(l))
    print(client.options(A, headers={"Origin":ORIGIN,"Access-Control-Request-Method":"POST"}).headers)
