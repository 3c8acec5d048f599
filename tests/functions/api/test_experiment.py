import time, json, threading
from concurrent.futures import ThreadPoolExecutor
import httpx, uvicorn, socket, collections
from tests.functions.api.conftest import *


def serve(app):
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error", access_log=False, lifespan="off"))
    t = threading.Thread(target=server.run, daemon=True); t.start()
    while not server.started: time.sleep(0.01)
    return server, t, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

@pytest.mark.parametrize("n", [50, 100])
def test_exp(settings, workflow, local_endpoints, stand_ins, rows, n):
    settings = settings.model_copy(update={"db_pool_size": 8})
    app = create_app(settings)
    app.state.services = dataclasses.replace(app.state.services, workflow=workflow)
    server, t, url = serve(app)
    tok = stand_ins.token(f"new{n}@example.com")["token"]
    h = {"Authorization": f"Bearer {tok}"}
    with httpx.Client(base_url=url, timeout=60, limits=httpx.Limits(max_connections=200)) as c:
        for _ in range(2):
            t0=time.time()
            with ThreadPoolExecutor(n) as pool:
                rs = list(pool.map(lambda _: c.get("/api/analysis/requests/", headers=h).status_code, range(n)))
            print("##", n, collections.Counter(rs), time.time()-t0)
        for name, hh in (("413", h), ("401", {})):
            t0=time.time(); out=collections.Counter()
            for _ in range(30):
                try: out[c.post("/api/analysis/analyze/", content=b'{"post_urls":["'+b"a"*5_000_000+b'"]}', headers=hh|{"content-type":"application/json"}).status_code]+=1
                except Exception as e: out[repr(e)]+=1
            print("##", name, out, time.time()-t0)
    server.should_exit=True; t.join(); app.state.services.engine.dispose()
