"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('verb', sa.String(length=64), nullable=False),
    sa.Column('object', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('mac', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit'))
    )
    op.create_table('cases',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('code_tag', sa.LargeBinary(), nullable=False),
    sa.Column('code_box', sa.LargeBinary(), nullable=False),
    sa.Column('work_state', sa.String(length=32), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('opened_on', sa.Integer(), nullable=False),
    sa.Column('next_word_on', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases')),
    sa.UniqueConstraint('code_tag', name=op.f('uq_cases_code_tag')),
    sa.UniqueConstraint('handle', name=op.f('uq_cases_handle')),
    sqlite_autoincrement=True
    )
    op.create_table('contacts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('tag', sa.LargeBinary(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('address_box', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('key_box', sa.LargeBinary(), nullable=True),
    sa.Column('session_box', sa.LargeBinary(), nullable=True),
    sa.Column('created_on', sa.Integer(), nullable=False),
    sa.Column('last_on', sa.Integer(), nullable=False),
    sa.Column('remind_on', sa.Integer(), nullable=True),
    sa.Column('expire_on', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts')),
    sa.UniqueConstraint('tag', name=op.f('uq_contacts_tag')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_contacts_expire', 'contacts', ['expire_on', 'id'], unique=False, postgresql_where=sa.text('expire_on IS NOT NULL'), sqlite_where=sa.text('expire_on IS NOT NULL'))
    op.create_index('ix_contacts_idle', 'contacts', ['last_on', 'id'], unique=False, postgresql_where=sa.text('expire_on IS NULL'), sqlite_where=sa.text('expire_on IS NULL'))
    op.create_index('ix_contacts_remind', 'contacts', ['remind_on', 'id'], unique=False, postgresql_where=sa.text('remind_on IS NOT NULL'), sqlite_where=sa.text('remind_on IS NOT NULL'))
    op.create_table('facts',
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_facts'))
    )
    op.create_table('inbox',
    sa.Column('tag', sa.LargeBinary(), nullable=False),
    sa.Column('came_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tag', name=op.f('pk_inbox')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_inbox_came_on'), 'inbox', ['came_on'], unique=False)
    op.create_table('ledger',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), nullable=False),
    sa.Column('direction', sa.String(length=3), nullable=False),
    sa.Column('message_box', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_ledger_at', 'ledger', ['at'], unique=False)
    op.create_index('ix_ledger_contact', 'ledger', ['contact_id', 'at'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('priority', sa.SmallInteger(), nullable=False),
    sa.Column('state', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=False),
    sa.Column('lease_at', sa.BigInteger(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('reason', sa.String(length=64), nullable=True),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_outbox_due', 'outbox', ['channel', 'account', 'priority', 'next_at', 'id'], unique=False, postgresql_where=sa.text('state = 0'), sqlite_where=sa.text('state = 0'))
    op.create_index('ix_outbox_lane', 'outbox', ['contact_id', 'priority', 'id'], unique=False, postgresql_where=sa.text('state = 0'), sqlite_where=sa.text('state = 0'))
    op.create_index('ix_outbox_settled', 'outbox', ['settled_at'], unique=False, postgresql_where=sa.text('settled_at IS NOT NULL'), sqlite_where=sa.text('settled_at IS NOT NULL'))
    op.create_table('report_log',
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('act', sa.String(length=8), nullable=False),
    sa.Column('report', sa.LargeBinary(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('mac', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_report_log'))
    )
    op.create_table('set_aside',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_set_aside')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_set_aside_put_on'), 'set_aside', ['put_on'], unique=False)
    op.create_table('reports',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.SmallInteger(), nullable=False),
    sa.Column('envelope', sa.LargeBinary(), nullable=False),
    sa.Column('received_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_reports_case_id_cases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports')),
    sa.UniqueConstraint('handle', name=op.f('uq_reports_handle')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_reports_case_id'), 'reports', ['case_id'], unique=False)
    op.create_table('tasks',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.Column('done_on', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_tasks_case_id_cases')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_tasks_contact_id_contacts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tasks')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_tasks_case_id'), 'tasks', ['case_id'], unique=False)
    op.create_index(op.f('ix_tasks_contact_id'), 'tasks', ['contact_id'], unique=False)
    op.create_index('ix_tasks_open', 'tasks', ['put_on', 'id'], unique=False, postgresql_where=sa.text('done_on IS NULL'), sqlite_where=sa.text('done_on IS NULL'))
    op.create_table('ties',
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tied_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_ties_case_id_cases')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_ties_contact_id_contacts')),
    sa.PrimaryKeyConstraint('contact_id', 'case_id', name=op.f('pk_ties'))
    )
    op.create_index(op.f('ix_ties_case_id'), 'ties', ['case_id'], unique=False)
    if op.get_bind().dialect.name == 'postgresql':
        # Sealed bytes do not shrink: do not try. Rows rewritten all day leave room for the next
        # version beside the old one, and are swept up early.
        op.execute('ALTER TABLE contacts ALTER COLUMN session_box SET STORAGE EXTERNAL')
        op.execute('ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL')
        op.execute('ALTER TABLE reports ALTER COLUMN envelope SET STORAGE EXTERNAL')
        op.execute('ALTER TABLE contacts SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02)')
        op.execute('ALTER TABLE outbox SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)')


def downgrade() -> None:
    for table in (
        'ties', 'tasks', 'reports', 'set_aside', 'report_log', 'outbox', 'ledger', 'inbox',
        'facts', 'contacts', 'cases', 'audit',
    ):
        op.drop_table(table)
