"""What keeps a family safe: clearing the chat, attachments, leaving, devices lost"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_lost_phones()
    _leaving()
    _clear_chats()
    _hold()
    _cover()
    _attach()
    _telephones()


def downgrade() -> None:
    _telephones_no_more()
    _attach_nothing()
    _cover_no_more()
    _hold_no_more()
    _clear_no_chats()
    _drop_lost_phones()
    _leaving_undone()


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _leaving() -> None:
    op.add_column('cases', sa.Column('key_seal', sa.LargeBinary(), nullable=True))
    op.add_column('contacts', sa.Column('pause_until_on', sa.Integer(), nullable=True))
    op.create_index('ix_contacts_paused', 'contacts', ['pause_until_on'], unique=False, postgresql_where=sa.text('pause_until_on IS NOT NULL'), sqlite_where=sa.text('pause_until_on IS NOT NULL'))
    op.create_table('withdrawals',
    sa.Column('case_id', _number(), autoincrement=False, nullable=False),
    sa.Column('asked_on', sa.Integer(), nullable=False),
    sa.Column('erase_on', sa.Integer(), nullable=False),
    sa.Column('former_state', sa.String(length=32), nullable=False),
    sa.Column('segment_box', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_withdrawals_case_id_cases')),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_withdrawals'))
    )
    op.create_index(op.f('ix_withdrawals_erase_on'), 'withdrawals', ['erase_on'], unique=False)
    op.create_table('ended_cases',
    sa.Column('id', _number(), sa.Identity(always=False), nullable=False),
    sa.Column('opened_on', sa.Integer(), nullable=False),
    sa.Column('ended_on', sa.Integer(), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ended_cases')),
    sqlite_autoincrement=True
    )
    op.create_table('shreds',
    sa.Column('case_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_shreds'))
    )
    op.create_table('consents',
    sa.Column('id', _number(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('case_id', _number(), nullable=False),
    sa.Column('body_box', sa.LargeBinary(), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_consents_case_id_cases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_consents_case_id'), 'consents', ['case_id'], unique=False)
    op.create_table('copies',
    sa.Column('id', _number(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('case_id', _number(), nullable=False),
    sa.Column('contact_id', _number(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.Column('entries', sa.LargeBinary(), nullable=True),
    sa.Column('prepared_by', sa.BigInteger(), nullable=True),
    sa.Column('approved_by', sa.BigInteger(), nullable=True),
    sa.Column('body_box', sa.LargeBinary(), nullable=True),
    sa.Column('asked_on', sa.Integer(), nullable=False),
    sa.Column('offered_on', sa.Integer(), nullable=True),
    sa.Column('ended_on', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_copies_case_id_cases')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_copies_contact_id_contacts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_copies')),
    sa.UniqueConstraint('handle', name=op.f('uq_copies_handle')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_copies_case_id'), 'copies', ['case_id'], unique=False)
    op.create_index(op.f('ix_copies_contact_id'), 'copies', ['contact_id'], unique=False)
    op.create_index('ix_copies_state', 'copies', ['state', 'offered_on'], unique=False)


def _leaving_undone() -> None:
    for table in ('copies', 'consents', 'shreds', 'ended_cases', 'withdrawals'):
        op.drop_table(table)
    op.drop_index('ix_contacts_paused', table_name='contacts')
    op.drop_column('contacts', 'pause_until_on')
    op.drop_column('cases', 'key_seal')


# ── lost telephones, and who passes for us ──


def _row_id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _make_lost_phones() -> None:
    op.add_column('ties', sa.Column('restored_on', sa.Integer(), nullable=True))
    op.create_table('claims',
    sa.Column('id', _row_id(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('contact_id', _row_id(), nullable=False),
    sa.Column('case_id', _row_id(), nullable=False),
    sa.Column('refused', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_claims_case_id_cases'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_claims_contact_id_contacts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_claims')),
    sa.UniqueConstraint('contact_id', 'case_id', name=op.f('uq_claims_contact_id_case_id')),
    sa.UniqueConstraint('handle', name=op.f('uq_claims_handle')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_claims_case_id'), 'claims', ['case_id'], unique=False)
    op.create_index(op.f('ix_claims_put_on'), 'claims', ['put_on'], unique=False)
    op.create_table('locks',
    sa.Column('id', _row_id(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('contact_id', _row_id(), nullable=False),
    sa.Column('case_id', _row_id(), nullable=True),
    sa.Column('cause', sa.String(length=8), nullable=False),
    sa.Column('tied_on', sa.Integer(), nullable=True),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_locks_case_id_cases'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_locks_contact_id_contacts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_locks')),
    sa.UniqueConstraint('handle', name=op.f('uq_locks_handle')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_locks_case_id'), 'locks', ['case_id'], unique=False)
    op.create_index(op.f('ix_locks_contact_id'), 'locks', ['contact_id'], unique=False)
    op.create_table('shown_numbers',
    sa.Column('id', _row_id(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('tag', sa.LargeBinary(), nullable=False),
    sa.Column('staff_id', _row_id(), nullable=False),
    sa.Column('case_id', _row_id(), nullable=True),
    sa.Column('named', sa.Boolean(), nullable=False),
    sa.Column('shown_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.Column('known', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_shown_numbers_case_id_cases'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_shown_numbers_staff_id_staff'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shown_numbers')),
    sa.UniqueConstraint('handle', name=op.f('uq_shown_numbers_handle')),
    sa.UniqueConstraint('tag', name=op.f('uq_shown_numbers_tag')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_shown_numbers_case_id'), 'shown_numbers', ['case_id'], unique=False)
    op.create_index(op.f('ix_shown_numbers_shown_at'), 'shown_numbers', ['shown_at'], unique=False)
    op.create_index(op.f('ix_shown_numbers_staff_id'), 'shown_numbers', ['staff_id'], unique=False)
    op.create_table('tries',
    sa.Column('mark', sa.LargeBinary(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('mark', name=op.f('pk_tries')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_tries_put_on'), 'tries', ['put_on'], unique=False)


def _drop_lost_phones() -> None:
    for table in ('tries', 'shown_numbers', 'locks', 'claims'):
        op.drop_table(table)
    op.drop_column('ties', 'restored_on')


# ── clearing chats ──


def _clear_chats() -> None:
    op.add_column('ledger', sa.Column('sort', sa.SmallInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('ledger', sa.Column('due_at', sa.BigInteger(), nullable=True))
    op.create_index('ix_ledger_due', 'ledger', ['due_at', 'id'], unique=False, postgresql_where=sa.text('due_at IS NOT NULL'), sqlite_where=sa.text('due_at IS NOT NULL'))
    op.add_column('contacts', sa.Column('clearing', sa.SmallInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('contacts', sa.Column('left_on', sa.Integer(), server_default=sa.text('0'), nullable=False))


def _clear_no_chats() -> None:
    op.drop_column('contacts', 'left_on')
    op.drop_column('contacts', 'clearing')
    op.drop_index('ix_ledger_due', table_name='ledger')
    op.drop_column('ledger', 'due_at')
    op.drop_column('ledger', 'sort')


# ── many at once ──


def _hold() -> None:
    op.create_table('held',
    sa.Column('id', _number(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('tag', sa.LargeBinary(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_held')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_held_tag'), 'held', ['tag'], unique=False)


def _hold_no_more() -> None:
    op.drop_table('held')


# ── cover ──


def _cover() -> None:
    op.add_column('contacts', sa.Column('cover_box', sa.LargeBinary(), nullable=True))
    op.add_column('contacts', sa.Column('cover_at', sa.BigInteger(), nullable=True))
    op.create_index('ix_contacts_cover', 'contacts', ['cover_at', 'id'], unique=False, postgresql_where=sa.text('cover_at IS NOT NULL'), sqlite_where=sa.text('cover_at IS NOT NULL'))


def _cover_no_more() -> None:
    op.drop_index('ix_contacts_cover', table_name='contacts')
    op.drop_column('contacts', 'cover_at')
    op.drop_column('contacts', 'cover_box')


# ── attachments ──


def _attach() -> None:
    op.create_table('attachments',
    sa.Column('id', _number(), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), nullable=True),
    sa.Column('case_id', _number(), nullable=True),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('state', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=False),
    sa.Column('source_box', sa.LargeBinary(), nullable=True),
    sa.Column('place', sa.LargeBinary(), nullable=True),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_attachments_case_id_cases'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachments')),
    sa.UniqueConstraint('handle', name=op.f('uq_attachments_handle')),
    sa.UniqueConstraint('place', name=op.f('uq_attachments_place')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_attachments_contact_id'), 'attachments', ['contact_id'], unique=False)
    op.create_index(op.f('ix_attachments_case_id'), 'attachments', ['case_id'], unique=False)
    op.create_index('ix_attachments_due', 'attachments', ['channel', 'account', 'next_at', 'id'], unique=False, postgresql_where=sa.text('state = 0'), sqlite_where=sa.text('state = 0'))
    op.create_index('ix_attachments_doomed', 'attachments', ['id'], unique=False, postgresql_where=sa.text('state = 2'), sqlite_where=sa.text('state = 2'))
    op.create_index('ix_attachments_drafted', 'attachments', ['id'], unique=False, postgresql_where=sa.text('case_id IS NULL AND state < 2'), sqlite_where=sa.text('case_id IS NULL AND state < 2'))


def _attach_nothing() -> None:
    op.drop_table('attachments')


# ── another telephone ──


def _telephones() -> None:
    op.create_table('telephones',
    sa.Column('contact_id', _number(), autoincrement=False, nullable=False),
    sa.Column('mark', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_telephones_contact_id_contacts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_telephones')),
    sqlite_with_rowid=False
    )
    op.create_table('open_questions',
    sa.Column('contact_id', _number(), autoincrement=False, nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_open_questions_contact_id_contacts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_open_questions')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_open_questions_due_at'), 'open_questions', ['due_at'], unique=False)


def _telephones_no_more() -> None:
    op.drop_table('open_questions')
    op.drop_table('telephones')
