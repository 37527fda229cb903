"""What the database's users may do: work with the data, and never change the schema.

Whoever runs the migrations owns what they make. They need no right to make roles, which Cloud SQL
gives to nobody who signs in by IAM: users are granted one by one.
"""

from collections.abc import Sequence

from infra.postgres.database import Database, Row, Transaction

# Tables and views that whoever asks owns: the app's own, where it shares the database, are not ours
# to give. MAINTAIN is what refreshing a materialized view needs (Postgres 17).
_OWN_RELATIONS = """
    SELECT format('%I.%I', nspname, relname) AS name, quote_ident(nspname) AS schema
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm', 'v') AND pg_has_role(relowner, 'USAGE')
      AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    ORDER BY name
"""
_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, MAINTAIN"
# Nobody rewrites what happened: who turned the kill switch, and which migrations were applied.
_RESTRICTED = {"trading_control_changes": "SELECT, INSERT", "schema_migrations": "SELECT"}


def grant(database: Database, users: Sequence[str]) -> None:
    """Let `users` read and write what the migrations made, and refresh views.

    Once is not for ever: what a later migration adds is granted by the next call.
    """
    with database.transaction() as tx:
        relations = tx.rows(_OWN_RELATIONS)
        grantees = ", ".join(_quoted(tx, user) for user in users)
        tx.run(f"GRANT USAGE ON SCHEMA {_names(relations, 'schema')} TO {grantees}")
        tx.run(f"GRANT {_PRIVILEGES} ON {_names(relations, 'name')} TO {grantees}")
        for table, kept in _RESTRICTED.items():
            tx.run(f"REVOKE ALL ON {table} FROM {grantees}")
            tx.run(f"GRANT {kept} ON {table} TO {grantees}")


def _names(relations: Sequence[Row], column: str) -> str:
    return ", ".join(sorted({each[column] for each in relations}))


def _quoted(tx: Transaction, user: str) -> str:
    """Quote a name, which cannot be bound."""
    name: str = tx.rows("SELECT quote_ident(:user) AS name", user=user)[0]["name"]
    return name
