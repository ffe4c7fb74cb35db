"""The least that Streamlit can show: what every page of it costs."""

import streamlit as st

st.session_state.runs = st.session_state.get("runs", 0) + 1
st.button("Again", key="again")
st.text(f"Run {st.session_state.runs}")
