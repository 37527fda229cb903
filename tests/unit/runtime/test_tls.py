from infra.runtime.tls import tls_context


def test_one_context_serves_all() -> None:
    assert tls_context() is tls_context()
    assert tls_context().check_hostname
